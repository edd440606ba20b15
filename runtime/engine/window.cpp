// Tested by tests/unit/runtime/window_test.cpp.
#include "runtime/engine/window.h"

#include <utility>

namespace weir::runtime {
namespace {
constexpr std::size_t kSpare = 65'536;  // as many as a queue holds; what a flood needed beyond is given back
}  // namespace

std::unique_ptr<InFlight> Window::take_spare() {
    if (spare_.empty()) return std::make_unique<InFlight>();
    std::unique_ptr<InFlight> event = std::move(spare_.back());
    spare_.pop_back();
    event->escalated = 0;
    event->captures.reset();
    event->unsettled = 0;
    event->is_lost = event->is_held = false;
    event->is_counted = true;
    event->stands_for = nullptr;
    return event;
}

InFlight& Window::add() { return *window_.emplace_back(take_spare()); }

InFlight& Window::add_copy() {
    std::unique_ptr<InFlight> event = take_spare();
    event->is_held = true;
    event->is_counted = false;
    InFlight* const key = event.get();
    return *(held_[key] = std::move(event));
}

void Window::give_back(std::unique_ptr<InFlight> event) {
    if (spare_.size() < kSpare) spare_.push_back(std::move(event));
}

void Window::drop_front() {
    give_back(std::move(window_.front()));
    window_.pop_front();
}

void Window::hold_front() {
    std::unique_ptr<InFlight> event = std::move(window_.front());
    window_.pop_front();
    event->is_held = true;
    InFlight* const key = event.get();
    held_[key] = std::move(event);
}

void Window::drop(const InFlight& event) { give_back(std::move(held_.extract(&event).mapped())); }

}  // namespace weir::runtime
