#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "data/json_tokenizer/normalizer.h"
#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

constexpr int kTableVersion = 9;

/// A character with its combining class.
struct Decomposed {
  Changed is;
  int combining;
};

class Forms {
 public:
  explicit Forms(UnicodeForm form)
      : compatible_(form == UnicodeForm::nfkc || form == UnicodeForm::nfkd) {
    UErrorCode status = U_ZERO_ERROR;
    const auto* nfkc = icu::Normalizer2::getNFKCInstance(status);
    nfc_ = icu::Normalizer2::getNFCInstance(status);
    decomposing_ = compatible_ ? nfkc : nfc_;
    if (U_FAILURE(status))
      throw ModelError(std::string("ICU has no normalization forms: ") + u_errorName(status));
  }

  std::vector<Decomposed> decompose(std::string_view text) const {
    std::vector<Decomposed> all;
    all.reserve(text.size());
    icu::UnicodeString parts;
    for (size_t at = 0; at < text.size();) {
      const uint32_t code = next_character(text, at);
      const auto c = static_cast<UChar32>(code);
      if (!has(code, kComposes) || !decomposing_->getDecomposition(c, parts)) {
        all.push_back({{code, 0}, combining_class(code)});
        continue;
      }
      for (int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
        const auto part = static_cast<uint32_t>(parts.char32At(i));
        all.push_back({{part, i == 0 ? 0 : 1}, combining_class(part)});
      }
    }
    sort_marks(all);
    return all;
  }

  /// Canonical composition (UAX 15, D117); the changes of what becomes one add up.
  std::vector<Changed> compose(const std::vector<Decomposed>& all) const {
    std::vector<Changed> composed;
    composed.reserve(all.size());
    constexpr size_t kNone = SIZE_MAX;
    size_t starter = kNone;  // in composed
    int last = -1;           // the class of the last mark behind it that stayed, -1 for none
    for (const auto& [is, combining] : all) {
      const bool blocked = last >= combining;
      if (starter != kNone && !blocked) {
        auto& with = composed[starter];
        if (const auto one = pair(with.code, is.code)) {
          with = {one, with.change + is.change - 1};
          continue;
        }
      }
      if (combining == 0) starter = composed.size();
      last = combining == 0 ? -1 : combining;
      composed.push_back(is);
    }
    return composed;
  }

 private:
  static int combining_class(uint32_t code) {
    if (!has(code, kComposes)) return 0;
    return u_getCombiningClass(static_cast<UChar32>(code));
  }

  static void sort_marks(std::vector<Decomposed>& all) {
    for (auto from = all.begin(); from != all.end();) {
      if (from->combining == 0) {
        ++from;
        continue;
      }
      auto to = from;
      while (to != all.end() && to->combining != 0) ++to;
      std::stable_sort(from, to,
                       [](const auto& a, const auto& b) { return a.combining < b.combining; });
      from = to;
    }
  }

  /// 0 where the two do not become one.
  uint32_t pair(uint32_t a, uint32_t b) const {
    if (!has(b, kComposes)) return 0;
    const UChar32 one = nfc_->composePair(static_cast<UChar32>(a), static_cast<UChar32>(b));
    return one > 0 && assigned_in(static_cast<uint32_t>(one), kTableVersion)
               ? static_cast<uint32_t>(one)
               : 0;
  }

  bool compatible_;
  const icu::Normalizer2* nfc_ = nullptr;
  const icu::Normalizer2* decomposing_ = nullptr;
};

bool is_inert(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (has(next_character(text, at), kComposes)) return false;
  return true;
}

}  // namespace

void normalize(Text& text, UnicodeForm form) {
  if (is_inert(text.bytes)) return;
  const Forms forms(form);
  const auto decomposed = forms.decompose(text.bytes);
  if (form == UnicodeForm::nfc || form == UnicodeForm::nfkc) {
    change(text, forms.compose(decomposed));
    return;
  }
  std::vector<Changed> changed;
  changed.reserve(decomposed.size());
  for (const auto& one : decomposed) changed.push_back(one.is);
  change(text, changed);
}

}  // namespace heed::data::json_tokenizer
