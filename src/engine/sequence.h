// A request while the engine works on it. Lives on the engine thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/page_cache.h"

namespace fathom {

struct Sequence {
  Request request;
  EventSink sink;
  std::shared_ptr<std::atomic<bool>> cancelled;

  // Prompt and reply so far. Before each step there is capacity for what it may add, here and in
  // the vectors below: no step allocates.
  std::vector<int32_t> tokens;
  int64_t prompt_size = 0;
  int64_t token_limit = 0;  // tokens.size() at which the reply ends
  int64_t evaluated = 0;    // leading tokens whose keys and values are in the cache
  int64_t scored = 0;       // prompt tokens whose log-probability was reported

  std::vector<int32_t> forced;  // what the guide makes the next tokens, from next_forced on
  std::size_t next_forced = 0;

  std::vector<PageCache::Page> pages;       // page i holds positions 32i .. 32i+31
  std::vector<std::byte*> page_data;        // their memory
  PageCache::Node node = PageCache::kNone;  // tree place of the last shared page (or the root)
  int64_t shared_pages = 0;                 // leading pages that are in the tree

  double submitted_at = 0, started_at = 0, first_token_at = 0;
  Usage usage;

  bool over() const { return sink == nullptr; }  // its last event was sent
  int64_t pending() const { return static_cast<int64_t>(tokens.size()) - evaluated; }
};

}  // namespace fathom
