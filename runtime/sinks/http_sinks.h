// The sinks that speak HTTP, from their declarations: rows of runtime/sinks/make.cpp.
#pragma once

#include <memory>

#include "compiler/object.h"
#include "runtime/sinks/llm.h"
#include "runtime/sinks/sink.h"
#include "runtime/sinks/webhook.h"

namespace weir::runtime {

WebhookOptions webhook_options(const bpf::SinkInfo& sink);
// `folder`: of the engine's state; empty: there is none.
LlmOptions llm_options(const bpf::SinkInfo& sink, const std::string& folder, OnTriage on_triage);

}  // namespace weir::runtime
