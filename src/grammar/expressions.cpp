// Building expressions, and the few simplifications that keep equal things equal.
#include "grammar/expressions.h"

#include <algorithm>

#include "base/checked.h"

namespace ingot::grammar {
namespace {

constexpr size_t few_alternatives = 32;    // matched one beside the other
constexpr size_t max_alternatives = 8000;  // what one step of the matcher can do, when all of them begin alike

}  // namespace

Id Expressions::add(Expression expression, const std::vector<Id>& children) {
  budget_.spend(1 + children.size());
  std::string key(1, static_cast<char>(expression.kind));
  auto append = [&key](uint32_t number) { key.append(reinterpret_cast<const char*>(&number), sizeof number); };
  append(expression.min), append(expression.max);
  for (Id child : children) append(child);
  auto [at, is_new] = known_.try_emplace(std::move(key), narrow<Id>(list_.size()));
  if (!is_new) return at->second;
  expression.first = narrow<uint32_t>(children_.size());
  expression.count = narrow<uint32_t>(children.size());
  children_.insert(children_.end(), children.begin(), children.end());
  list_.push_back(expression);
  return at->second;
}

Id Expressions::bytes(const ByteSet& set) {
  if (set.none()) return nothing();
  auto [at, is_new] = of_set_.try_emplace(set, narrow<Id>(list_.size()));
  if (!is_new) return at->second;
  budget_.spend();
  list_.push_back({Expression::bytes, narrow<uint32_t>(sets_.size())});
  sets_.push_back(set);
  return at->second;
}

Id Expressions::text(std::string_view text) {
  std::vector<Id> parts;
  for (char c : text) parts.push_back(bytes(ByteSet().set(static_cast<uint8_t>(c))));
  return sequence(parts);
}

Id Expressions::sequence(const std::vector<Id>& parts) {
  std::vector<Id> flat;
  for (Id part : parts) {
    const Expression& e = list_[part];
    if (e.kind == Expression::choice && e.count == 0) return part;
    if (e.kind == Expression::sequence)
      flat.insert(flat.end(), children_.begin() + e.first, children_.begin() + e.first + e.count);
    else
      flat.push_back(part);
  }
  return flat.size() == 1 ? flat[0] : add({Expression::sequence}, flat);
}

Id Expressions::choice(const std::vector<Id>& alternatives) {
  std::vector<Id> flat;
  ByteSet set;
  auto take = [&](Id alternative) {
    if (list_[alternative].kind == Expression::bytes)
      set |= this->set(alternative);
    else
      flat.push_back(alternative);
  };
  for (Id alternative : alternatives) {
    const Expression e = list_[alternative];
    if (e.kind != Expression::choice) take(alternative);
    for (uint32_t i = 0; e.kind == Expression::choice && i < e.count; i++) take(children_[e.first + i]);
  }
  if (set.any()) flat.push_back(bytes(set));
  std::ranges::sort(flat);
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  if (flat.size() <= few_alternatives) return choice_of_distinct(std::move(flat));
  std::vector<Parts> sequences;
  std::vector<Id> mixed;
  for (Id alternative : flat) {
    const Expression& e = list_[alternative];
    if (e.kind == Expression::sequence && e.count > 0)
      sequences.emplace_back(children_.begin() + e.first, children_.begin() + e.first + e.count);
    else
      mixed.push_back(alternative);
  }
  std::ranges::sort(sequences);
  for (size_t begin = 0, end; begin < sequences.size(); begin = end) {
    for (end = begin + 1; end < sequences.size() && sequences[end][0] == sequences[begin][0];) end++;
    mixed.push_back(tree_of(std::span(sequences).subspan(begin, end - begin), 0));
  }
  return choice_of_distinct(std::move(mixed));
}

Id Expressions::choice_of_distinct(std::vector<Id> alternatives) {
  if (alternatives.size() > max_alternatives)
    throw Error("grammar", "too many alternatives in one place", std::to_string(alternatives.size()),
                "at most " + std::to_string(max_alternatives), "write them so that they share their beginnings");
  std::ranges::sort(alternatives);
  alternatives.erase(std::unique(alternatives.begin(), alternatives.end()), alternatives.end());
  return alternatives.size() == 1 ? alternatives[0] : add({Expression::choice}, alternatives);
}

/// One of the sequences, of which all are the same before part `from`: what they share, then a choice of what follows.
Id Expressions::tree_of(std::span<const Parts> sorted, size_t from) {
  const Parts &first = sorted.front(), &last = sorted.back();
  size_t shared = from;
  while (shared < first.size() && shared < last.size() && first[shared] == last[shared]) shared++;
  Parts all(first.begin() + static_cast<ptrdiff_t>(from), first.begin() + static_cast<ptrdiff_t>(shared));
  std::vector<Id> alternatives;
  for (size_t begin = 0, end; begin < sorted.size(); begin = end) {
    end = begin + 1;
    if (sorted[begin].size() == shared) {
      alternatives.push_back(empty());
      continue;
    }
    while (end < sorted.size() && sorted[end][shared] == sorted[begin][shared]) end++;
    alternatives.push_back(end == begin + 1
                               ? sequence({sorted[begin].begin() + static_cast<ptrdiff_t>(shared), sorted[begin].end()})
                               : tree_of(sorted.subspan(begin, end - begin), shared));
  }
  all.push_back(choice(alternatives));
  return sequence(all);
}

Id Expressions::repeat(Id what, uint32_t min, uint32_t max) {
  const Expression& e = list_[what];
  if (max == 0 || (e.kind == Expression::sequence && e.count == 0)) return empty();
  if (e.kind == Expression::choice && e.count == 0) return min == 0 ? empty() : what;
  if (min == 1 && max == 1) return what;
  return add({Expression::repeat, 0, 0, min, max}, {what});
}

Id Expressions::declare(std::string name) {
  budget_.spend();
  const Id rule = narrow<Id>(list_.size());
  list_.push_back({Expression::rule, narrow<uint32_t>(children_.size()), 1});
  children_.push_back(rule);  // itself: no text at all, until it is defined
  names_[rule] = std::move(name);
  return rule;
}

void Expressions::define(Id rule, Id body) { children_[list_[rule].first] = body; }

}  // namespace ingot::grammar
