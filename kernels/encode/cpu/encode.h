// The op: weights into blocks of any form.
#pragma once
#include "encode/params.h"
#include "encode/cpu/blocks.h"
#include "encode/cpu/one_scale.h"
#include "encode/put.h"

template <class Coder> static void encode_with(Coder& c, const EncodeParams& p) {
  const EncodeForm& f = *p.form;
  float weights[encode_max_block];
  u32 fields[2 * encode_max_block];
  for (int i = 0; i < f.block; i++) weights[i] = 1.0f;
  int groups = f.block / f.group, region_groups = f.scale.per_group ? 1 : groups;
  for (i64 b = 0; b < p.blocks; b++) {
    const float* x = p.x + b * f.block;
    if (p.importance) {
      float sum = 0;
      for (int i = 0; i < f.block; i++) sum += p.importance[b * f.block + i];
      // Nothing weighs nothing: a weight that no text has used yet may be used by the next.
      float least = sum > 0 ? 1e-5f * sum / (float)f.block : 1.0f;
      for (int i = 0; i < f.block; i++) {
        float w = p.importance[b * f.block + i];
        weights[i] = w > least ? w : least;
      }
    }
    c.start(x, weights);
    for (int g = 0; g < groups; g += region_groups) {
      region<Coder> r(c, g, g + region_groups, fields);
      r.search();
      const written& w = r.best;
      if (f.scale.present) fields[f.scale_field + (f.scale.per_group ? g : 0)] = stored_bits(f.scale, w.scale);
      if (f.min.present) fields[f.min_field + (f.min.per_group ? g : 0)] = stored_bits(f.min, w.min);
      for (int k = g; k < g + region_groups; k++) {
        if (f.has_sub) fields[f.sub_field + k] = f.sub.patterns[(int)f.sub.values[w.sub[k]] + encode_max_levels];
        if (f.has_sub_min)
          fields[f.sub_min_field + k] = f.sub_min.patterns[(int)f.sub_min.values[w.sub_min[k]] + encode_max_levels];
      }
    }
    put_block(f, fields, p.to + b * f.block_bytes);
  }
}

static void encode_floats(const EncodeParams& p) {
  const EncodeForm& f = *p.form;
  for (i64 b = 0; b < p.blocks; b++) {
    u32 fields[encode_max_block];
    for (int i = 0; i < f.block; i++) fields[i] = f.number.nearest(p.x[b * f.block + i]);
    put_block(f, fields, p.to + b * f.block_bytes);
  }
}

template <bool steps> static void encode_levels(const EncodeParams& p) {
  if (p.importance) {
    level_coder<steps, true> c(*p.form);
    encode_with(c, p);
  } else {
    level_coder<steps, false> c(*p.form);
    encode_with(c, p);
  }
}

static void encode_searched(const EncodeParams& p) {
  const EncodeForm& f = *p.form;
  if (f.number.present) return encode_floats(p);
  if (one_scale_suffices(f)) return p.importance ? encode_one_scale<true>(p) : encode_one_scale<false>(p);
  if (f.run_of_eight) {
    codeword_coder c(f);
    encode_with(c, p);
  } else if (f.level.steps) {
    encode_levels<true>(p);
  } else {
    encode_levels<false>(p);
  }
}
