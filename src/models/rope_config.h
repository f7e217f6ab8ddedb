// The rotary embedding that a config.json asks for, under both of its spellings: "rope_theta" and
// "rope_scaling" (transformers 4), or "rope_parameters" (transformers 5).
#pragma once

#include <cstdint>

#include "models/config_reader.h"
#include "models/layers/rope.h"

namespace fathom {

struct HfRope {
  RopeSpec spec;
  int64_t context_length = 0;  // positions the scaling is made for, at least those given
};

// What transformers computes for the types default, linear, dynamic, llama3 and yarn, for
// `rotary_dim` rotated values per head and a "max_position_embeddings" of `positions`. Throws
// Error(kUnsupported) for another type and for parameters that the type does not have;
// Error(kInvalidFile) for numbers that make no sense and where two spellings contradict each other.
HfRope ParseHfRope(const ConfigReader& reader, int64_t rotary_dim, int64_t positions);

// What GGUF's keys after the architecture's name say: the base, which is 10000 where there is none,
// and the parameters that all architectures have with a scaling type of "yarn";
// "yarn_log_multiplier" and attention factors are the architectures' own. Throws
// Error(kInvalidFile).
double ParseGgufRopeBase(const ConfigReader& reader);
// The scaling's type; empty where there is none, which then no other key of scaling contradicts.
std::string ParseGgufScalingType(const ConfigReader& reader);
void ParseGgufYarn(const ConfigReader& reader, RopeSpec& spec);

// Keys of a config.json that ParseHfRope reads.
std::span<const std::string_view> HfRopeKeys();

}  // namespace fathom
