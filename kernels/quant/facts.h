// What the engine reads off a format F at compile time: which optional accessors it has, with defaults for the rest.
// Kernels and the host ask only through these names; a format never needs to state what it leaves out.
#pragma once

// `exists<decltype(expression)>::type` is void whenever the expression compiles.
template <class> struct exists {
  typedef void type;
};

template <class F, class = void> struct has_block_scale {
  enum { value = 0 };
};
template <class F, class = void> struct has_group_scale {
  enum { value = 0 };
};
template <class F, class = void> struct has_sub {
  enum { value = 0 };
};
template <class F, class = void> struct has_block_min {
  enum { value = 0 };
};
template <class F, class = void> struct has_group_min {
  enum { value = 0 };
};
template <class F, class = void> struct has_sub_min {
  enum { value = 0 };
};
template <class F, class = void> struct has_unit {
  enum { value = 0 };
};
template <class F, class = void> struct has_values {
  enum { value = 0 };
};
template <class F, class = void> struct sub_range {
  enum { lowest = -128, highest = 127 };
};
template <class F> struct has_block_scale<F, typename exists<decltype(F::scale(view()))>::type> {
  enum { value = 1 };
};
template <class F> struct has_group_scale<F, typename exists<decltype(F::scale(view(), 0))>::type> {
  enum { value = 1 };
};
template <class F> struct has_sub<F, typename exists<decltype(F::sub(view(), 0))>::type> {
  enum { value = 1 };
};
template <class F> struct has_block_min<F, typename exists<decltype(F::min(view()))>::type> {
  enum { value = 1 };
};
template <class F> struct has_group_min<F, typename exists<decltype(F::min(view(), 0))>::type> {
  enum { value = 1 };
};
template <class F> struct has_sub_min<F, typename exists<decltype(F::sub_min(view(), 0))>::type> {
  enum { value = 1 };
};
template <class F> struct has_unit<F, typename exists<decltype(F::unit())>::type> {
  enum { value = 1 };
};
template <class F> struct sub_range<F, typename exists<decltype(F::highest_sub)>::type> {
  enum { lowest = F::lowest_sub, highest = F::highest_sub };
};
template <class F> struct has_values<F, typename exists<decltype(F::values)>::type> {
  enum { value = 1 };
};

template <class F> struct facts {
  enum {
    affine = (int)F::kind == (int)affine_values,
    table = (int)F::kind == (int)table_values,
    vector = (int)F::kind == (int)vector_values,
    floating = (int)F::kind == (int)float_values,
    integers = !floating,                                             // has the int8 view
    groups = (int)F::block / (int)F::group,                           // scales per block
    scaled = has_block_scale<F>::value || has_group_scale<F>::value,  // has a float scale at all
    min = has_block_min<F>::value || has_group_min<F>::value          // has an added minimum
  };
};

// The float scale of group g as its storage type (Float16, E8M0Half, …); `One` where a format has none.
struct One {
  enum { storage_bytes = 0 };
  MEMBER operator float() const { return 1.0f; }
};
template <class F> fn scale_of(view b, int g) {
  if constexpr (has_group_scale<F>::value)
    return F::scale(b, g);
  else if constexpr (has_block_scale<F>::value)
    return F::scale(b);
  else
    return One{};
}
template <class F> fn sub_of(view b, int g) {
  if constexpr (has_sub<F>::value)
    return (int)F::sub(b, g);
  else
    return 1;
}
template <class F> fn min_of(view b, int g) {
  if constexpr (has_group_min<F>::value)
    return F::min(b, g);
  else if constexpr (has_block_min<F>::value)
    return F::min(b);
  else
    return One{};
}
template <class F> fn sub_min_of(view b, int g) {
  if constexpr (has_sub_min<F>::value)
    return (int)F::sub_min(b, g);
  else
    return 1;
}
template <class F> fn unit_of() {
  if constexpr (has_unit<F>::value)
    return (float)F::unit();
  else
    return 1.0f;
}
