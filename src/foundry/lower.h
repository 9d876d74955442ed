// From what the model is to what is computed: a Blueprint becomes a Plan of fused steps.
#pragma once
#include "foundry/blueprint.h"
#include "plan/plan.h"

namespace ingot::foundry {

/// The plan of `blueprint` within `limits`. The blueprint's file must stay mapped as long as the plan is used.
plan::Plan lower(const Blueprint& blueprint, const plan::Limits& limits);

}  // namespace ingot::foundry
