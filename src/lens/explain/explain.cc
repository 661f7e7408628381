#include "heed/lens/explain.h"

#include <limits>

#include "core/text.h"
#include "heed/core/error.h"
#include "lens/explain/methods.h"

namespace heed::lens {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

bool is_flow(Method method) { return method <= Method::value_norms; }
bool is_game(Method method) { return method == Method::shapley || method == Method::owen; }

/// Refuses options that are set and that the method does not look at.
void check_options(const ExplainOptions& options) {
  const ExplainOptions plain;
  const auto method = options.method;
  const auto only = [&](bool used, bool set, const char* flag, const char* methods) {
    if (!used && set)
      throw UsageError(text_of(flag, " is for ", methods, "; --method ", word_of(method),
                               " does not look at it"));
  };
  const bool removes =
      is_game(method) || method == Method::integrated_gradients || method == Method::input_gradient;
  only(removes, options.baseline != plain.baseline, "--baseline",
       "input_gradient, integrated_gradients, shapley and owen");
  only(is_game(method), options.unit != plain.unit, "--unit", "shapley and owen");
  only(is_game(method), options.budget != plain.budget, "--budget", "shapley and owen");
  only(method == Method::integrated_gradients, options.steps != plain.steps, "--steps",
       "integrated_gradients");
  only(method == Method::raw || method == Method::value_norms, options.layer != 0, "--layer",
       "raw and value_norms");
  only(method == Method::raw, options.head != 0, "--head", "raw");
  if (options.steps < 1 || options.steps > 10'000)
    throw UsageError(text_of("--steps: expected 1 to 10000, given ", options.steps));
}

constexpr MethodText kTexts[] = {
    {"A_l^T r, A_l the weights of one layer and r the tokens' shares in the head's reading",
     "the weights themselves; see Jain and Wallace 2019, Wiegreffe and Pinter 2019"},
    {"the mean over layers l of mean_h A_lh^T r",
     "the weights themselves; see Jain and Wallace 2019, Wiegreffe and Pinter 2019"},
    {"prod_l (1/2 I + 1/2 mean_h A_lh)^T r",
     "Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers"},
    {"prod_l (I + mean_h max(0, A_lh * df/dA_lh))^T r",
     "Chefer, Gur and Wolf 2021, Generic Attention-model Explainability"},
    {"the mean over layers of N^T r, N_ij = |sum_h A_hij f_h(v_j)|, rows to 1",
     "Kobayashi et al. 2020, Attention is Not Only a Weight"},
    {"sum_m (x - b)_m df/dx_m", "Shrikumar et al. 2016, Not Just a Black Box"},
    {"sum_m (x - b)_m int_0^1 df/dx_m(b + t (x - b)) dt",
     "Sundararajan, Taly and Yan 2017, Axiomatic Attribution for Deep Networks"},
    {"prod_l C_l^T r, C_ij = 1 - cos(row i, row i without v_j), rows to 1",
     "Mohebbi et al. 2023, Quantifying Context Mixing in Transformers"},
    {"the mean over orders of f(S + part) - f(S)",
     "Shapley 1953; Castro, Gomez and Tejada 2009; Mitchell et al. 2022"},
    {"the mean over orders in which sentences stay together of f(S + part) - f(S)",
     "Owen 1977, Values of Games with a Priori Unions"},
};

}  // namespace

MethodText text_of_method(Method method) { return kTexts[static_cast<size_t>(method)]; }

bool is_signed(Method method) {
  return is_game(method) || method == Method::input_gradient ||
         method == Method::integrated_gradients;
}

Attribution explain(const Question& question, const ExplainOptions& options) {
  check_options(options);
  const Reader reader(question, options.baseline);
  Attribution result{options.method, question.aim, is_signed(options.method), reader.tokens(), {}};
  result.whole = reader.answers(at::ones({1, reader.size()}, at::kDouble)).value[0].item<double>();
  result.empty = result.gap = kNone;
  if (is_flow(options.method)) flow(reader, options, result);
  if (options.method == Method::value_zeroing) value_zeroing(reader, options, result);
  if (options.method == Method::input_gradient) input_gradient(reader, options, result);
  if (options.method == Method::integrated_gradients) integrated_gradients(reader, options, result);
  if (is_game(options.method)) shapley(reader, options, result);
  if (!result.values.isfinite().all().item<bool>())
    throw ModelError(text_of("explain: ", word_of(options.method),
                             " of this input is not finite; the model's numbers overflow on it"));
  return result;
}

}  // namespace heed::lens
