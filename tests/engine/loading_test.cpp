// From a file to a model: what is wrong names the file, what only informs is never fatal, and a model that was laid out
// survives its file.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/fingerprint.h"
#include "engine/load.h"
#include "ingot/ingot.h"
#include "tiny_model.h"

namespace ingot {
namespace {

using tests::TinyModel;

Model load(const std::string& path, LoadOptions options = {}) {
  options.device = "cpu", options.threads = 1;
  return Model::load(path, options);
}

/// `f` throws an Error whose text begins with [room] and the file.
template <class F> void expect_named(F f, const std::string& room, const std::string& path, const std::string& text) {
  try {
    f();
    ADD_FAILURE() << "nothing was refused; expected: " << text;
  } catch (const Error& e) {
    const std::string what = e.what();
    EXPECT_TRUE(what.starts_with("[" + room + "] " + path + ": ")) << what;
    EXPECT_NE(what.find(text), std::string::npos) << what;
    EXPECT_EQ(what.find(path), what.rfind(path)) << what;  // once
  }
}

TEST(Loading, EveryRoomNamesTheFile) {
  TinyModel foundry, text, engine;
  foundry.file.kv("llama.attention.foo", 3u);
  expect_named([&] { load(foundry.write()); }, "foundry", foundry.path, "is not understood; got 3");
  expect_named([&] { explain(foundry.path); }, "foundry", foundry.path, "is not understood; got 3");
  text.file.kv("tokenizer.ggml.bos_token_id", 1000u);
  expect_named([&] { load(text.write()); }, "text", text.path, "1000");
  expect_named([&] { load_tokenizer(text.path); }, "text", text.path, "1000");
  LoadOptions options;
  options.context = 1000;
  expect_named([&] { load(engine.write(), options); }, "engine", engine.path, "context exceeds");
  expect_named([&] { load("/nowhere/model.gguf"); }, "container", "/nowhere/model.gguf", "cannot be opened");
  Model model = load(engine.path);
  expect_named([&] { model.chat_template(); }, "engine", engine.path, "no chat template");
}

TEST(Loading, SessionFilesAreNamed) {
  TinyModel one, other("q8_0", 2);
  Model model = load(one.write());
  Session session(model);
  expect_named([&] { session.load(one.path); }, "container", one.path, "not a session file");
  std::string saved = one.path + ".session";
  session.append(std::vector<int32_t>{5, 6, 7});
  session.save(saved);
  Session of_other(load(other.write()));
  expect_named([&] { of_other.load(saved); }, "engine", saved, "belongs to another model");
  std::filesystem::remove(saved);
}

TEST(Loading, WhatOnlyInformsIsNeverFatal) {
  TinyModel tiny;
  tiny.file.kv("general.name", 7u).kv("general.author", true).array("tokenizer.chat_template", std::vector<int32_t>{1});
  tiny.file.array("general.file_type", std::vector<std::string>{"x"})
      .kv("tokenizer.ggml.eos_token_id", UINT32_MAX)
      .kv("tokenizer.ggml.eot_token_id", int32_t{-1});
  Model model = load(tiny.write());
  EXPECT_EQ(model.info().name, "");
  EXPECT_EQ(model.info().chat_template, "");
  EXPECT_EQ(model.tokenizer().eos(), -1);
}

std::vector<float> after(Session& session, const std::vector<int32_t>& ids) {
  session.append(ids);
  return {session.logits().begin(), session.logits().end()};
}

// Weights that were laid out, and the rows of the embedding, are not read through the mapping any more: there a file
// that has become shorter would end the process.
TEST(Loading, AModelThatWasLaidOutSurvivesItsFile) {
  TinyModel tiny;
  Model model = load(tiny.write());
  Session session(model);
  std::vector<float> before = after(session, {5, 6, 7});
  session.truncate(0);
  std::filesystem::resize_file(tiny.path, 100);
  try {
    session.append(std::vector<int32_t>{5, 6, 7});
    ADD_FAILURE() << "rows of the embedding came from nowhere";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("the model's file was changed while in use"), std::string::npos) << e.what();
  }
  EXPECT_EQ(session.size(), 0);
  EXPECT_NO_THROW(session.save(tiny.path + ".session"));
  std::filesystem::remove(tiny.path + ".session");
  tiny.write();  // it is there again
  EXPECT_EQ(after(session, {5, 6, 7}), before);
}

// A run of changed bytes as long as the distance of two samples is seen wherever it lies; so are the first and the last
// byte.
TEST(Fingerprint, SeesChangesAllOverATensor) {
  constexpr uint64_t n = 100'000;
  auto fingerprint = [](const std::string& data) {
    test::GgufBuilder file;
    file.kv("general.architecture", "llama").tensor("t", {data.size()}, 24, data);  // i8: any bytes
    const std::string bytes = file.bytes();
    auto geometry = [](uint32_t) { return std::optional(container::Geometry{1, 1, "i8"}); };
    return engine::fingerprint(container::Gguf::parse(std::as_bytes(std::span(bytes)), geometry), {});
  };
  const std::string sound(n, 'a');
  const uint64_t expected = fingerprint(sound);
  EXPECT_EQ(fingerprint(sound), expected);
  for (uint64_t at = 0; at < n; at += n / 100) {
    std::string changed = sound;
    for (uint64_t i = at; i < std::min(n, at + n / 15 + 64); i++) changed[i] = 'b';
    if (at + n / 15 + 64 <= n) { EXPECT_NE(fingerprint(changed), expected) << at; }
  }
  for (uint64_t at : {uint64_t{0}, n - 1}) {
    std::string changed = sound;
    changed[at] = 'b';
    EXPECT_NE(fingerprint(changed), expected) << at;
  }
  const std::string small(1000, 'a');
  for (uint64_t at = 0; at < small.size(); at += 37) {
    std::string changed = small;
    changed[at] = 'b';
    EXPECT_NE(fingerprint(changed), fingerprint(small)) << at;
  }
}

}  // namespace
}  // namespace ingot
