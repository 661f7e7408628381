#include "formats/event_file.h"

#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

namespace heed {
namespace {

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}();

/// TFRecord stores checksums so changed, because a checksum of data that holds its own checksum is
/// weak.
uint32_t masked_crc(std::string_view bytes) noexcept {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

template <class Number>
void append_raw(std::string& to, Number number) {
  char bytes[sizeof number];  // little-endian, as the machine
  std::memcpy(bytes, &number, sizeof number);
  to.append(bytes, sizeof bytes);
}

// The wire format of protocol buffers: a key (field number, kind), then the value.
enum Kind : uint64_t { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };

void append_varint(std::string& to, uint64_t number) {
  for (; number > 127; number >>= 7) to += static_cast<char>(number | 128);
  to += static_cast<char>(number);
}

void append_key(std::string& to, uint64_t field, Kind kind) {
  append_varint(to, field << 3 | kind);
}

void append_bytes(std::string& to, uint64_t field, std::string_view bytes) {
  append_key(to, field, length_delimited);
  append_varint(to, bytes.size());
  to += bytes;
}

// Field numbers of tensorflow/core/util/event.proto and framework/summary.proto.
constexpr uint64_t kEventWallTime = 1, kEventStep = 2, kEventFileVersion = 3, kEventSummary = 5,
                   kEventSessionLog = 7;
constexpr uint64_t kSummaryValue = 1, kValueTag = 1, kValueSimple = 2;
constexpr uint64_t kSessionLogStatus = 1, kSessionLogStart = 1;

timespec now() {
  timespec time;
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

/// TensorBoard reads the files of a folder in the order of their names.
std::string new_name() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  const timespec time = now();
  char name[400];
  std::snprintf(name, sizeof name, "events.out.tfevents.%010lld.%09ld.%s.%d",
                static_cast<long long>(time.tv_sec), time.tv_nsec, host,
                static_cast<int>(::getpid()));
  return name;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) noexcept {
  uint32_t crc = 0xFFFFFFFFu;
  for (const unsigned char byte : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ byte) & 255];
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder, int64_t resume_step)
    : file_(folder / new_name()) {
  std::string version;
  append_bytes(version, kEventFileVersion, "brain.Event:2");
  write_event(0, version);
  std::string start, session;
  append_key(start, kSessionLogStatus, varint);
  append_varint(start, kSessionLogStart);
  append_bytes(session, kEventSessionLog, start);
  write_event(resume_step + 1, session);
}

void EventFile::write(int64_t step,
                      const std::vector<std::pair<std::string_view, float>>& scalars) {
  std::string summary, value, event;
  for (const auto& [tag, number] : scalars) {
    value.clear();
    append_bytes(value, kValueTag, tag);
    append_key(value, kValueSimple, fixed32);
    append_raw(value, number);
    append_bytes(summary, kSummaryValue, value);
  }
  append_bytes(event, kEventSummary, summary);
  write_event(step, event);
}

void EventFile::write_event(int64_t step, std::string_view what) {
  const timespec time = now();
  std::string event, record;
  append_key(event, kEventWallTime, fixed64);
  append_raw(event, static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec));
  append_key(event, kEventStep, varint);
  append_varint(event, static_cast<uint64_t>(step));
  event += what;

  append_raw(record, static_cast<uint64_t>(event.size()));
  append_raw(record, masked_crc(record));
  record += event;
  append_raw(record, masked_crc(event));
  file_.write(record);  // one write: a kill leaves whole records
}

}  // namespace heed
