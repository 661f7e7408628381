// Several inputs: an encoder each, and what joins their tokens.
#include "heed/models/joint_encoder.h"

#include "heed/core/error.h"
#include "heed/tasks/recipe.h"
#include "tasks/encoders.h"

namespace heed {
namespace {

/// [encoder.inputs]: a table for each input, by its name.
struct JointInputs {
  std::vector<std::pair<std::string, Chosen<EncoderPart>>> parts;

  template <class Visitor>
  void fields(Visitor&& v) {
    for (auto& [name, part] : parts) v(name.c_str(), part, "");
  }
};

class JointEncoderPart : public EncoderPart {
 public:
  void follow(const std::vector<std::pair<std::string, std::string>>& inputs) override {
    inputs_->parts.clear();
    for (const auto& [name, kind] : inputs)
      inputs_->parts.emplace_back(name, Chosen<EncoderPart>()).second.kind = kind;
  }
  void read(FieldReader& reader) override {
    reader.read(options_);
    reader("inputs", *inputs_, "");
  }
  void list(FieldLister& lister) const override {
    JointEncoderOptions(options_).fields(lister);
    lister("inputs", *inputs_, "");
  }

  EncoderPtr make(const Sizes& input) const override {
    if (inputs_->parts.empty())
      throw ModelError(
          "encoder.kind: the encoder 'joint' joins several inputs; write [[input]] "
          "twice, each with a name");
    JointEncoderImpl::Inputs encoders;
    for (const auto& [name, part] : inputs_->parts) {
      Sizes own;
      for (const auto& [size, values] : input)
        if (size.starts_with(name + ".")) own.emplace(size.substr(name.size() + 1), values);
      try {
        encoders.emplace_back(name, part->make(own));
      } catch (const ModelError& error) {
        throw ModelError("encoder.inputs." + name + ": " + error.what());
      }
    }
    return JointEncoder(options_, std::move(encoders)).ptr();
  }

 private:
  JointEncoderOptions options_;
  std::shared_ptr<JointInputs> inputs_ = std::make_shared<JointInputs>();
};

}  // namespace

std::shared_ptr<EncoderPart> make_joint_encoder() { return std::make_shared<JointEncoderPart>(); }

}  // namespace heed
