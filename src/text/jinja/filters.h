// Jinja's built-in filters and tests, with tojson as transformers defines it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/format.h"
#include "text/jinja/value.h"

namespace fathom::jinja {

class Interpreter;

// Whether Jinja has one of that name; some of them are refused when they are used.
bool IsFilter(std::string_view name);
bool IsTest(std::string_view name);
// All of those names, in no order.
std::vector<std::string_view> FilterNames();
std::vector<std::string_view> TestNames();

Value CallFilter(Interpreter& interpreter, const std::string& name, const Value& input,
                 const Arguments& arguments);
bool CallTest(Interpreter& interpreter, const std::string& name, const Value& input,
              const Arguments& arguments);

// ---- For the tables of filters
// -------------------------------------------------------------------

using Filter = Value (*)(Interpreter& interpreter, const Value& input, const Arguments& arguments);

// Each gives the filters of its own file; null for a name that is not one of them.
Filter FindTextFilter(std::string_view name);      // text_filters.cc
Filter FindSequenceFilter(std::string_view name);  // sequence_filters.cc
void AddTextFilterNames(std::vector<std::string_view>& names);
void AddSequenceFilterNames(std::vector<std::string_view>& names);

Value ToJson(Interpreter& interpreter, const Value& input, const Arguments& arguments);

}  // namespace fathom::jinja
