#!/usr/bin/env python3
"""bounds_test.py WEIR [NAME…]: check, fmt and compile of policies that ask for as much as one file of 10,000 rules can,
each in a process whose memory is limited. Each answers (status 0 or 1) within 1 GB. It prints the time, which is 2 s at
most on an idle machine and which the test does not judge. Without names: those that once took minutes or all memory;
WEIR_BOUNDS=all: all."""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

RULES = 10_000
MEMORY_MB = 1000
FENCE_MB = 4000         # of address space: what grows without end ends here
PATIENCE_S = 300        # ten machines as slow as this one
TEXT = 16_000_000       # bytes of the largest file
COMMANDS = (["check"], ["fmt", "--check"], ["compile", "--emit", "elf"])

CASES, SHORT = {}, set()


def case(make):
    CASES[make.__name__] = make
    return make


def once_failed(make):
    SHORT.add(make.__name__)
    return case(make)


def lines(count, line):
    return "".join(line(i) + "\n" for i in range(count))


def rules(count, condition, action=lambda i: "drop"):
    return lines(count, lambda i: f"rule r{i} {{ when {condition(i)} then {action(i)} }}")


def tower(body, first="a == 1", parameters="a", call="tcp.dport", levels=40):
    text = f"let f0({parameters}) = {first}\n"
    text += "".join(f"let f{i}({parameters}) = {body.replace('F', f'f{i - 1}')}\n" for i in range(1, levels))
    return text + f"rule r {{ when f{levels - 1}({call}) then drop }}\n"


def address(i):
    return f"10.{i >> 8}.{i & 255}.1"


# ---- what names expand to ----

@once_failed
def functions_double(): return tower("F(a) and F(a)") + tower("F(a) or F(a)").replace("f", "g").replace("rule r", "rule s")


@case
def functions_negated(): return tower("not F(a) or F(a)")


@once_failed
def functions_of_two(): return tower("F(a, b) or F(b, a)", "a == b", "a, b", "tcp.dport, tcp.sport")


@case
def functions_of_ten(): return tower(" or ".join(["F(a)"] * 10), levels=20)


@case
def functions_in_a_ring(): return tower("F(a) or F(a)", first="f39(a)")


@case
def functions_of_a_wrong_type(): return tower("F(a) or F(a)", first="a == 10.0.0.1")


@once_failed
def sets_double(): return "let s0 = { 1, 2 }\n" + "".join(f"let s{i} = {{ s{i - 1}, s{i - 1} }}\n" for i in range(1, 40)) \
    + "rule r { when tcp.dport in s39 then drop }\n"


@once_failed
def conjunction_shared(): return "let large = " + " and ".join(f"ip.id != {i * 3}" for i in range(2000)) + "\n" \
    + rules(500, lambda i: f"large and tcp.dport == {i}")


@once_failed
def negation_shared(): return "let large = not (" + " or ".join(f"ip.id == {i * 3}" for i in range(2000)) + ")\n" \
    + rules(500, lambda i: f"large and tcp.dport == {i}")


@case
def conjunctions_of_each_rule(): return rules(400, lambda i: " and ".join(f"ip.id != {(i * 7 + j * 3) % 65536}" for j in range(2000)))


@case
def names_of_names(): return "let n0 = tcp.dport == 1\n" + "".join(f"let n{i} = n{i - 1} or tcp.dport == {i}\n" for i in range(1, 60)) \
    + rules(RULES, lambda i: f"n59 and ip.id == {i}")


# ---- text ----

@once_failed
def empty_lines(): return "rule r { when tcp then drop }" + "\n" * (TEXT - 100)


@case
def comments(): return "rule r { when tcp then drop }\n" + "# a comment\n" * (TEXT // 12 - 10)


@case
def lets(): return lines(600_000, lambda i: f"let n{i} = {i % 60000}") + "rule r { when tcp then drop }\n"


@once_failed
def small_values(): return lines(122, lambda j: f"let s{j} = {{ " + "1," * 65000 + "1 }") + "rule r { when tcp.dport in s0 then drop }\n"


@case
def large_values(): return lines(46, lambda j: f"let s{j} = {{ " + ",".join(map(str, range(60000))) + " }") \
    + "rule r { when tcp.dport in s0 then drop }\n"


@case
def one_long_condition(): return "rule r { when " + "tcp or " * 2_000_000 + "tcp then drop }"


@case
def parentheses(): return "rule r { when " + "(" * (TEXT - 100)


@case
def faults_on_each_line(): return "rule r { when then }\n" * 700_000


@case
def duplicates(): return "rule r { when tcp then drop }\n" * 500_000


# ---- names that nobody knows: each error may suggest one ----

@once_failed
def unknown_names(): return rules(RULES, lambda i: f"tcp.dport == nane_{i:05}") + lines(RULES, lambda i: f"let name_{i:05} = {i}")


@case
def unknown_rules(): return rules(RULES, lambda i: f"ip.id == {i}") \
    + lines(RULES, lambda i: f'test "t{i}" {{ tcp 10.0.0.1:1 -> 10.0.0.2:2 syn => drop by q{i} }}')


@once_failed
def unknown_fields(): return lines(500_000, lambda i: f"let n{i} = tcp.dprt == 1")


@case
def unknown_files(): return lines(500_000, lambda i: f'import "x{i}.rules"')


# ---- rules ----

@case
def same_rules(): return rules(RULES, lambda i: "tcp.dport == 80")


@case
def shadowed_by_many(): return rules(RULES // 2, lambda i: f"tcp.dport == {i}") \
    + rules(RULES // 2, lambda i: f"tcp.dport in 0..4999 and ip.src == {address(i)}").replace("rule r", "rule s")


@case
def shadowed_alike(): return rules(RULES // 2, lambda i: f"tcp.dport == {i}") \
    + rules(RULES // 2, lambda i: "tcp.dport in 0..4999").replace("rule r", f"rule {'s' * 50}")


@case
def redundant_many(): return rules(RULES // 2, lambda i: f"tcp.dport == {i} and ip.src == {address(i)}") \
    + rules(RULES // 2, lambda i: f"tcp.dport == {i}").replace("rule r", "rule s")


@case
def never_true(): return rules(RULES, lambda i: f"tcp.dport == {i} and tcp.dport == {i + 1}")


@once_failed
def masks(): return rules(RULES, lambda i: f"tcp.seq & {1 << i % 32} != 0 and tcp.ack_seq & {1 << i * 7 % 32} == 0 and ip.id == {i}")


@once_failed
def crossed_prefixes(): return rules(RULES, lambda i: f"ip.src in {i % 250}.0.0.0/8 and ip.dst in {i * 7 % 250}.0.0.0/8 "
                                     f"and tcp.dport in {i % 5000}..{i % 5000 + 1000} and tcp.sport in {i * 3 % 5000}..{i * 3 % 5000 + 2000}")


@case
def prefixes_of_ipv6(): return rules(RULES, lambda i: f"ip.src in 2001:{i:x}::/48 and ip.dst in 2001:db8:{i:x}::/64")


@once_failed
def pairs(): return rules(RULES, lambda i: f"(tcp.dport == {i} or tcp.sport == {i}) and (ip.src == {address(i)} or ip.dst == {address(i)})")


@case
def ors_of_twenty(): return rules(RULES, lambda i: " or ".join(f"tcp.dport == {(i * 20 + j) % 65536}" for j in range(20)))


@case
def ors_of_four(): return rules(RULES, lambda i: " and ".join(
    "(" + " or ".join(f"{field} == {(i * k + j) % 60000}" for j, field in enumerate(("tcp.dport", "udp.dport", "tcp.sport", "udp.sport"))) + ")"
    for k in range(1, 8)))


@case
def nested_ranges(): return rules(RULES, lambda i: f"tcp.dport in {i}..{60000 - i} and tcp.sport in {i * 2}..{65000 - i * 2} and ip.len in {i}..{60000 - i}")


@case
def sets_of_ports(): return rules(RULES, lambda i: f"tcp.dport in {{ {', '.join(str((i * 31 + j * 7) % 65536) for j in range(64))} }}")


@case
def sets_of_addresses(): return rules(5000, lambda i: f"ip.src in {{ {', '.join(f'10.{j}.{i >> 8}.{i & 255}' for j in range(180))} }}")


@case
def tuples(): return rules(RULES, lambda i: f"(ip.src, tcp.dport) in {{ {', '.join(f'(10.{j}.{i >> 8}.{i & 255}, {j})' for j in range(60))} }}")


# ---- conditions that are code ----

@once_failed
def compared_fields(): return rules(RULES, lambda i: f"tcp.seq & {i + 1} == tcp.ack_seq & {i + 3}")


@once_failed
def slices(): return rules(RULES, lambda i: f'payload[{i % 900}:4] == hex"{i:08x}" and payload[{i % 700}:2] == hex"{i:04x}" '
                           f'and payload[{i % 100}:8] != hex"{i:016x}"')


@case
def slices_of_64(): return "rule r { when " + " or ".join(f'payload[{i % 900}:64] == hex"{f"{i % 256:02x}" * 64}"' for i in range(1000)) + " then drop }\n"


# ---- state, sets, alerts, tests ----

@case
def state_terms(): return rules(256, lambda i: f"rate(ip.src) > {i + 1}/s size 1000 and count(ip.dst, in 1m) > {i + 1} size 1000 and "
                                f"distinct(tcp.dport, by ip.src, in 1m) > {i + 1} size 1000 and byterate(ip.src, tcp.dport) > 1MB/s size 1000")


@case
def tables_too_large(): return rules(256, lambda i: f"rate(ip.src) > {i + 1}/s size 4000000")


@once_failed
def set_changes(): return lines(16, lambda i: f"set s{i} : ip size 100 ttl 1h") \
    + rules(RULES, lambda i: f"tcp.dport == {i}", lambda i: ", ".join(f"add ip.src to s{j} for {i + 1}s" for j in range(16)))


@once_failed
def sets_that_change(): return lines(RULES, lambda i: f"set s{i} : ip size 100 ttl 1h") \
    + rules(RULES, lambda i: f"ip.src in s{i}", lambda i: f"add ip.dst to s{(i + 1) % RULES}")


@case
def alerts(): return lines(RULES, lambda i: f'alert a{i} {{ message "x {{ip.src}} {{tcp.dport}}" }}') \
    + rules(RULES, lambda i: f"tcp.dport == {i}", lambda i: ", ".join(f"alert a{(i * 16 + j) % RULES}" for j in range(16)) + ", drop")


@case
def throttled_alerts(): return lines(RULES, lambda i: f'alert a{i} {{ message "x" throttle 1 per ip.src every 1d }}') \
    + rules(RULES, lambda i: f"tcp.dport == {i}", lambda i: f"alert a{i}, drop")


@once_failed
def test_packets_repeated(): return "rule r { when tcp.dport == 7 then drop }\n" \
    + 'test "t" { 1000000 x tcp 10.0.0.1:1 -> 10.0.0.2:2 syn payload "' + "a" * 8900 + '" => pass }\n'


@once_failed
def test_packets_of_many_ports(): return "rule r { when tcp.dport == 7 then drop }\n" \
    + 'test "t" { tcp 10.0.0.1:1..900 -> 10.0.0.2:100..1100 syn payload "' + "a" * 8900 + '" => pass }\n'


@case
def tests(): return "rule r { when tcp.dport == 7 then drop }\n" \
    + lines(200_000, lambda i: f'test "t{i}" {{ tcp 10.0.0.1:1 -> 10.0.0.2:2 syn => pass }}')


def run(command):
    """Exit status, seconds of CPU, MB at most, the first line of its answer."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (FENCE_MB << 20, FENCE_MB << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_S, PATIENCE_S))
    with tempfile.TemporaryFile() as answer:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=answer, preexec_fn=limit)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        answer.seek(0)
        return process.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss >> 10, answer.readline(100).decode(errors="replace").strip()


def main(weir, names):
    everything = os.environ.get("WEIR_BOUNDS") == "all"
    chosen = names or [name for name in CASES if everything or name in SHORT]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            policy = pathlib.Path(folder) / f"{name}.rules"
            policy.write_text(CASES[name]())
            for command in COMMANDS:
                status, seconds, most_mb, said = run([weir, *command, str(policy)])
                good = status in (0, 1) and most_mb <= MEMORY_MB
                print(f"{'' if good else 'FAILED '}{name} {command[0]}: status {status}, {seconds:.1f} s, {most_mb} MB {said}", flush=True)
                if not good:
                    failed.append(f"{name} {command[0]}")
            policy.unlink()
    if failed:
        sys.exit("more than 1 GB, or no answer: " + ", ".join(failed))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
