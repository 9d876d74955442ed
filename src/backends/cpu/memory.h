// Whether a plan fits into memory, and how many pages of keys and values it gets.
#pragma once
#include "backends/cpu/limits.h"
#include "backends/cpu/states.h"
#include "plan/backend.h"

namespace ingot::cpu {

/// How many pages a program of `plan` has: at least those of one sequence of full length, at most what
/// plan.limits.state_bytes holds, or what is left after weights and scratch. Errors: room "memory"; less than one
/// sequence.
PageRange pages_within(const plan::Plan& plan, const plan::Choices& choices, const Limits& limits);

}  // namespace ingot::cpu
