#include "heed/tasks/withhold.h"

#include <unicode/regex.h>

#include <chrono>
#include <ctime>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.h"
#include "heed/tasks/predictor.h"
#include "tasks/toml_tables.h"

namespace heed {
namespace {

constexpr double kMostMilliseconds = 60000;

struct WithholdPattern {
  std::string name;
  std::unique_ptr<const icu::RegexPattern> compiled;
  int32_t milliseconds;

  std::optional<Withheld> judge(const icu::UnicodeString& text) const {
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::RegexMatcher> matcher(compiled->matcher(text, status));
    if (U_SUCCESS(status)) matcher->setTimeLimit(milliseconds, status);
    if (U_SUCCESS(status) && matcher->find(status)) return Withheld{name};
    if (U_FAILURE(status)) return Withheld{name, true};
    return std::nullopt;
  }
};

std::unique_ptr<const icu::RegexPattern> compiled_pattern(const TomlTable& table) {
  const auto match = table.text("match");
  if (match.empty()) table.refuse("match", "it is empty and would be found in every text");
  UParseError where{};
  UErrorCode status = U_ZERO_ERROR;
  const uint32_t flags = table.flag("ignore_case", false) ? UREGEX_CASE_INSENSITIVE : 0;
  std::unique_ptr<const icu::RegexPattern> pattern(
      icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(match), flags, where, status));
  if (U_FAILURE(status))
    table.refuse("match", text_of("not a regular expression of ICU's: ", u_errorName(status),
                                  " at character ", where.offset + 1));
  return pattern;
}

WithholdPattern pattern_of(const TomlTable& table) {
  table.expect_keys({"name", "match", "ignore_case", "milliseconds"});
  const auto limit = table.number("milliseconds", between(1, kMostMilliseconds), 100);
  return {table.text("name"), compiled_pattern(table), static_cast<int32_t>(limit)};
}

/// A model of the user's that answers a class, or labels, of a text.
class WithholdClassifier {
 public:
  explicit WithholdClassifier(const TomlTable& table) : name_(table.text("name")) {
    table.expect_keys({"name", "model", "class", "threshold"});
    class_ = table.text("class"), threshold_ = table.number("threshold", between(0, 1), 0.5);
    predictor_ = std::make_unique<Predictor>(Predictor::load(table.text("model")));
    const auto& heads = predictor_->recipe().heads;
    if (heads.size() > 1 || (heads.front().kind != "class" && heads.front().kind != "labels"))
      table.refuse("model", "expected a model with one head, of the kind class or labels");
    predictor_->answer_by({.top = int64_t{1} << 30});
    std::map<std::string, double> known;
    try {
      known = probabilities("a");
    } catch (const UsageError& error) {
      table.refuse("model", error.what());
    }
    std::vector<std::string> names;
    for (const auto& [name, probability] : known) names.push_back(name);
    if (!known.contains(class_))
      table.refuse("class", "the model answers no '" + class_ + "'" + suggestion(class_, names));
  }

  const std::string& name() const { return name_; }
  bool applies(const std::string& text) const {
    const std::lock_guard one_at_a_time(mutex_);
    return probabilities(text).at(class_) >= threshold_;
  }

 private:
  std::map<std::string, double> probabilities(const std::string& text) const {
    const auto found = predictor_->predict(predictor_->texts({{text, "an answer"}}));
    std::map<std::string, double> all;
    const auto json = nlohmann::json::parse(found.front().front().json);
    for (const auto& one : json.at("top"))
      all[one.at(one.contains("class") ? "class" : "label").get<std::string>()] =
          one.at("probability").get<double>();
    return all;
  }

  std::string name_, class_;
  double threshold_;
  std::unique_ptr<Predictor> predictor_;
  mutable std::mutex mutex_;
};

}  // namespace

struct WithholdFilter::Rules {
  bool keep_text = false;
  std::vector<WithholdPattern> patterns;
  std::vector<std::unique_ptr<WithholdClassifier>> classifiers;

  Rules(const TomlTable& root, const std::string& file) {
    root.expect_keys({"keep_text", "pattern", "classifier"});
    keep_text = root.flag("keep_text", false);
    std::set<std::string> names;
    const auto check_name = [&](const TomlTable& table) {
      const auto name = table.text("name");
      if (name.empty()) table.refuse("name", "it is empty; expected what the rule is called");
      if (!names.insert(name).second)
        table.refuse("name", "another rule is called '" + name + "', too");
    };
    for (const auto& table : root.tables("pattern"))
      check_name(table), patterns.push_back(pattern_of(table));
    for (const auto& table : root.tables("classifier"))
      check_name(table), classifiers.push_back(std::make_unique<WithholdClassifier>(table));
    if (names.empty())
      throw ModelError(file + ": no rules; expected [[pattern]] or [[classifier]] tables");
  }
};

WithholdFilter::WithholdFilter(std::unique_ptr<Rules> rules) : rules_(std::move(rules)) {}
WithholdFilter::~WithholdFilter() = default;
WithholdFilter::WithholdFilter(WithholdFilter&&) noexcept = default;

WithholdFilter WithholdFilter::read(const std::filesystem::path& file) {
  return WithholdFilter(std::make_unique<Rules>(TomlFile::read(file).root(), file.string()));
}

WithholdFilter WithholdFilter::parse(std::string_view toml, const std::string& name) {
  return WithholdFilter(std::make_unique<Rules>(TomlFile(toml, name).root(), name));
}

bool WithholdFilter::keeps_text() const { return rules_->keep_text; }

std::optional<Withheld> WithholdFilter::judge(const std::vector<std::string>& texts) const {
  for (const auto& text : texts) {
    const auto wide = icu::UnicodeString::fromUTF8(text);
    for (const auto& pattern : rules_->patterns)
      if (auto withheld = pattern.judge(wide)) return withheld;
  }
  for (const auto& text : texts)
    for (const auto& classifier : rules_->classifiers)
      if (classifier->applies(text)) return Withheld{classifier->name()};
  return std::nullopt;
}

namespace {

void add_outputs(const nlohmann::json& json, std::vector<std::string>& texts) {
  for (const auto& [key, value] : json.items()) {
    if (json.is_object() && key == "output" && value.is_string())
      texts.push_back(value.get<std::string>());
    else if (value.is_structured())
      add_outputs(value, texts);
  }
}

}  // namespace

std::vector<std::string> texts_of_answer(const Prediction& prediction) {
  std::vector<std::string> texts = prediction.lines;
  texts.push_back(prediction.text);
  add_outputs(nlohmann::json::parse(prediction.json), texts);
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

std::string withheld_log_line(const Withheld& withheld, int64_t line,
                              const std::vector<std::string>& texts, bool keep_text) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
  nlohmann::ordered_json json = {{"time", time}, {"line", line}, {"by", withheld.by}};
  if (withheld.undecided) json["undecided"] = true;
  if (keep_text) json["text"] = texts;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace heed
