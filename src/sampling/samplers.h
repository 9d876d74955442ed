// The stateless samplers. `c` is never empty before or after. Each cites its source.
#pragma once
#include "sampling/candidates.h"

namespace ingot::sampling {

/// Keeps the `k` most probable.
void top_k(Candidates& c, int k);
/// Keeps the fewest that hold `p` of the probability (Holtzman et al. 2020, nucleus sampling).
void top_p(Candidates& c, float p);
/// Keeps those at least `p` times as probable as the best (Nguyen et al. 2024).
void min_p(Candidates& c, float p);
/// Keeps those whose surprise is nearest to the entropy, the fewest that hold `p` of the probability (Meister et al.
/// 2022).
void typical(Candidates& c, float p);
/// Keeps logits at most `n` standard deviations below the best (Tang et al. 2024). The deviation is that of all
/// candidates.
void top_n_sigma(Candidates& c, float n);
/// Of those with a probability of `threshold` or more, keeps the least probable one only ("exclude top choices",
/// Weidmann 2024). Whether it is applied at all is drawn by the caller.
void xtc(Candidates& c, float threshold);
/// Divides logits by `t`; 0 keeps only the best.
void temperature(Candidates& c, float t);
/// Temperature between `t` − `range` (at least 0) and `t` + `range`, by the distribution's entropy: low − (low − high)
/// · (entropy / greatest entropy of so many candidates) ^ `exponent`.
float dynamic_temperature(Candidates& c, float t, float range, float exponent);

/// Number in [0, 1) that follows from seed and `n` alone (SplitMix64, Steele et al. 2014).
double uniform(uint64_t seed, uint64_t n);
/// Index of the candidate that `chance`, in [0, 1), selects by the probabilities.
size_t draw(Candidates& c, double chance);

}  // namespace ingot::sampling
