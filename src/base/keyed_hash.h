// Hashing under a key that is drawn at random once per process. The author of a file or a request cannot know which
// strings collide, so no input makes a table slow. This is the only place that names std::unordered_map and its
// relatives: use these aliases. Nothing may depend on their iteration order, which differs between processes.
#pragma once
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

namespace ingot {

struct HashKey {
  uint64_t seed, mask, factor, second_factor;  // the factors are odd
  /// Errors: std::runtime_error when the system has no random numbers.
  static HashKey drawn();
  static const HashKey& of_process() {
    static const HashKey key = drawn();
    return key;
  }
};

/// XXH3 of `bytes`.
uint64_t keyed_hash(std::string_view bytes);
/// Twice the 128-bit product with a factor of the key, its halves folded. Multiplication by a random odd number is
/// universal (Dietzfelbinger et al. 1997) and the fold makes the low bits as good as the high ones; but a single
/// product maps numbers at equal distances to hashes at nearly equal distances, and under one key in twenty they fill
/// long runs of a table with linear probing.
inline uint64_t keyed_hash(uint64_t number, const HashKey& key = HashKey::of_process()) {
  const auto folded = [](uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  return folded(folded(number ^ key.mask, key.factor) ^ key.seed, key.second_factor);
}

struct KeyedHash {
  size_t operator()(std::string_view text) const { return keyed_hash(text); }
  size_t operator()(const std::string& text) const { return keyed_hash(std::string_view(text)); }
  template <typename T>
    requires std::integral<T> || std::is_enum_v<T>
  size_t operator()(T number) const {
    return keyed_hash(static_cast<uint64_t>(number));
  }
  /// Anything else whose value is its bytes.
  template <typename T>
    requires std::is_class_v<T> && std::has_unique_object_representations_v<T> &&
             (!std::convertible_to<T, std::string_view>)
  size_t operator()(const T& object) const {
    return keyed_hash(std::string_view(reinterpret_cast<const char*>(&object), sizeof object));
  }
};

template <typename Key, typename Value> using HashMap = std::unordered_map<Key, Value, KeyedHash>;
template <typename Key, typename Value> using HashMultimap = std::unordered_multimap<Key, Value, KeyedHash>;
template <typename Key> using HashSet = std::unordered_set<Key, KeyedHash>;

}  // namespace ingot
