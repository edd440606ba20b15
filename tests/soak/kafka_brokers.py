#!/usr/bin/env python3
"""Brokers of Kafka without Kafka: librdkafka's own, for tests. Prints their addresses, then takes lines: `down`, `up`,
`keys N` (waits for so many different keys, and prints each that is there, then an empty line)."""
import ctypes
import sys
import time

TOPIC, PARTITIONS = b"weir", 32                        # each keeps 5 MB: enough for ten minutes
BEGINNING, PRODUCER, CONSUMER = -2, 0, 1


class Message(ctypes.Structure):
    _fields_ = [("err", ctypes.c_int), ("rkt", ctypes.c_void_p), ("partition", ctypes.c_int32), ("payload", ctypes.c_void_p),
                ("len", ctypes.c_size_t), ("key", ctypes.c_void_p), ("key_len", ctypes.c_size_t), ("offset", ctypes.c_int64)]


class Partition(ctypes.Structure):
    _fields_ = [("topic", ctypes.c_char_p), ("partition", ctypes.c_int32), ("offset", ctypes.c_int64)]


kafka = ctypes.CDLL("librdkafka.so.1")
for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new", "rd_kafka_topic_partition_list_new"):
    getattr(kafka, name).restype = ctypes.c_void_p
kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
kafka.rd_kafka_topic_partition_list_add.restype = ctypes.POINTER(Partition)
kafka.rd_kafka_consumer_poll.restype = ctypes.POINTER(Message)


def pointer(value):
    return ctypes.c_void_p(value)


def client(kind, **settings):
    conf = kafka.rd_kafka_conf_new()
    for setting, value in {"log_level": "0", **settings}.items():
        name = setting if setting == "log_level" else setting.replace("_", ".")
        kafka.rd_kafka_conf_set(pointer(conf), name.encode(), value.encode(), None, ctypes.c_size_t(0))
    return kafka.rd_kafka_new(kind, pointer(conf), None, ctypes.c_size_t(0))


def keys(brokers, wanted):
    consumer = client(CONSUMER, bootstrap_servers=brokers, group_id="reader")
    kafka.rd_kafka_poll_set_consumer(pointer(consumer))
    partitions = kafka.rd_kafka_topic_partition_list_new(PARTITIONS)
    for number in range(PARTITIONS):
        kafka.rd_kafka_topic_partition_list_add(pointer(partitions), TOPIC, number).contents.offset = BEGINNING
    kafka.rd_kafka_assign(pointer(consumer), pointer(partitions))
    found, end = set(), time.monotonic() + 60
    while len(found) < wanted and time.monotonic() < end:
        message = kafka.rd_kafka_consumer_poll(pointer(consumer), 100)
        if not message:
            continue
        if message.contents.err == 0:
            found.add(ctypes.string_at(message.contents.key, message.contents.key_len).decode())
        kafka.rd_kafka_message_destroy(message)
    kafka.rd_kafka_consumer_close(pointer(consumer))
    kafka.rd_kafka_destroy(pointer(consumer))
    return found


def main():
    owner = client(PRODUCER)
    cluster = kafka.rd_kafka_mock_cluster_new(pointer(owner), 1)
    kafka.rd_kafka_mock_topic_create(pointer(cluster), TOPIC, PARTITIONS, 1)
    brokers = kafka.rd_kafka_mock_cluster_bootstraps(pointer(cluster)).decode()
    print(brokers, flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "keys":
            print("\n".join([*sorted(keys(brokers, int(rest[0]))), ""]), flush=True)
        else:
            getattr(kafka, f"rd_kafka_mock_broker_set_{word}")(pointer(cluster), 1)


main()
