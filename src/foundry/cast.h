// From what the model is to what runs: a Blueprint becomes a Plan of fused steps.
#pragma once
#include "plan/plan.h"
#include "foundry/blueprint.h"

namespace ingot::foundry {

/// The plan of `blueprint` for sessions of `context` positions and prompts cut into batches of `max_batch` tokens. The
/// blueprint's file must stay mapped as long as the plan is used.
plan::Plan cast(const Blueprint& blueprint, int context, int max_batch);

/// Shape of a step in words: "576 -> 576+192+192".
std::string shape_text(const plan::Plan& plan, const plan::Step& step);

}  // namespace ingot::foundry
