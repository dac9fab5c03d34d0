#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../tools/html.hpp"
#include "../tools/plot_axis.hpp"
#include "catch.hpp"
#include "see/core/random.hpp"

using namespace see;
using cli::Axis;
using cli::Scale;

namespace {

void check_axis(const std::vector<double>& values, Scale scale) {
  const Axis axis(values, scale);
  const auto& ticks = axis.ticks();
  INFO("ticks " << ticks.front() << " ... " << ticks.back() << ", " << ticks.size());
  REQUIRE(ticks.size() >= 2);
  CHECK(ticks.size() <= 26);
  for (std::size_t i = 1; i < ticks.size(); ++i) CHECK(ticks[i - 1] < ticks[i]);
  CHECK(axis.at(ticks.front()) == Approx(0).margin(1e-12));
  CHECK(axis.at(ticks.back()) == Approx(1));
  constexpr double slack = 1e-9;
  for (const double value : values) {
    if (!axis.has(value)) continue;
    CHECK(axis.at(value) >= -slack);
    CHECK(axis.at(value) <= 1 + slack);
  }
}

}  // namespace

TEST_CASE("the ticks of an axis cover the values") {
  Random random(11);
  for (const Scale scale : {Scale::linear, Scale::log})
    for (int trial = 0; trial < 500; ++trial) {
      const double centre = std::exp(20 * random.uniform() - 10);
      const double spread = std::exp(12 * random.uniform() - 10);
      std::vector<double> values;
      for (int i = 0; i < 4; ++i)
        values.push_back(scale == Scale::log ? centre * std::exp(spread * random.normal())
                                             : centre + spread * random.normal());
      check_axis(values, scale);
    }
}

TEST_CASE("an axis of one value, of none and of values without a place has two ticks") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const Scale scale : {Scale::linear, Scale::log})
    for (const auto& values : std::vector<std::vector<double>>{
             {}, {1}, {0.95}, {1000}, {0}, {-1, 5}, {nan, 2}, {infinity}, {1e-300, 1e300}})
      check_axis(values, scale);
  const std::vector<double> odd = {nan, 0, -3, 7};
  CHECK_FALSE(Axis(odd, Scale::log).has(0));
  CHECK_FALSE(Axis(odd, Scale::log).has(-3));
  CHECK(Axis(odd, Scale::linear).has(-3));
  CHECK_FALSE(Axis(odd, Scale::linear).has(nan));
}

TEST_CASE("an axis is monotone") {
  const std::vector<double> values = {3, 700};
  for (const Scale scale : {Scale::linear, Scale::log}) {
    const Axis axis(values, scale);
    for (double value = 3; value < 700; value *= 1.1) CHECK(axis.at(value) < axis.at(value * 1.05));
  }
}

TEST_CASE("escaped text holds no character that begins markup, and undoes to itself") {
  const std::string text = "<a href=\"x\" title='y'>&amp; \xC3\xA4 \xF0\x9F\x98\x80</a>";
  std::string escaped = cli::escape_html(text);
  for (const char markup : {'<', '>', '"', '\''}) CHECK(escaped.find(markup) == std::string::npos);
  const std::vector<std::pair<std::string, std::string>> references = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [reference, character] : references)
    for (std::size_t at = 0; (at = escaped.find(reference, at)) != std::string::npos; ++at)
      escaped.replace(at, reference.size(), character);
  CHECK(escaped == text);
}

TEST_CASE("what is no UTF-8 or no character of XML is replaced") {
  const std::string replacement = "\xEF\xBF\xBD";
  CHECK(cli::escape_html("a\xFFz") == "a" + replacement + "z");
  CHECK(cli::escape_html("a\xC3") == "a" + replacement);
  CHECK(cli::escape_html(std::string("a\x01z\0", 4)) == "a" + replacement + "z" + replacement);
  CHECK(cli::escape_html("\xEF\xBF\xBF") == replacement);
  CHECK(cli::escape_html("a\tb\nc") == "a\tb\nc");
}
