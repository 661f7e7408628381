// heed_ffmpeg.so: FFmpeg's demuxers, decoders and conversion of pixels behind C functions.
#include "data/ffmpeg/plugin.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>

namespace {

/// Kinds of files that hold pictures themselves. Others are lists of further files and addresses, which a file that
/// somebody sent must not have opened.
constexpr char kFormats[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,ivf,ogg,flv,asf,"
    "gif,nut,mxf,dv,rm,wtv,yuv4mpegpipe";
/// The same pixels on every processor, chroma interpolated as in JPEG files.
constexpr int kScaling = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT;

struct Failed {
  std::string why;
};

std::string words_of(int error) {
  if (error == AVERROR(ENOMEM)) return kHeedVideoNoMemory;
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

/// FFmpeg's result, where that is no error.
int checked(int result, const char* what) {
  if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
  if (result < 0) throw Failed{std::string(what) + ": " + words_of(result)};
  return result;
}

template <class T>
T* present(T* pointer) {
  if (!pointer) throw std::bad_alloc();
  return pointer;
}

struct Free {
  void operator()(AVFormatContext* x) const { avformat_close_input(&x); }
  void operator()(AVCodecContext* x) const { avcodec_free_context(&x); }
  void operator()(AVPacket* x) const { av_packet_free(&x); }
  void operator()(AVFrame* x) const { av_frame_free(&x); }
  void operator()(SwsContext* x) const { sws_freeContext(x); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Owned<AVFormatContext> open_file(const char* file) {
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  av_dict_set(&options, "format_whitelist", kFormats, 0);
  AVFormatContext* format = nullptr;
  const int result =
      avformat_open_input(&format, (std::string("file:") + file).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (result == AVERROR(EINVAL))
    throw Failed{"not a kind of video file that is read (mp4, mkv, webm, avi, mpeg, ogg, gif ...)"};
  checked(result, "not a video file, or cut short");
  return Owned<AVFormatContext>(format);
}

class Video {
 public:
  Video(const char* file, int64_t most_pixels) : format_(open_file(file)) {
    checked(avformat_find_stream_info(format_.get(), nullptr), "damaged");
    find_stream();
    const auto& about = *stream().codecpar;
    if (about.width < 1 || about.height < 1) throw Failed{"it says no size of its pictures"};
    if (int64_t{about.width} * about.height > most_pixels)
      throw Failed{"pictures of " + std::to_string(about.width) + " x " +
                   std::to_string(about.height) +
                   " pixels are more than input.max_pixels = " + std::to_string(most_pixels)};
    open_decoder(most_pixels);
    packet_.reset(present(av_packet_alloc()));
    frame_.reset(present(av_frame_alloc()));
  }

  HeedVideoShape shape() const {
    const auto& about = *stream().codecpar;
    HeedVideoShape shape{about.height, about.width, 0, av_q2d(stream().time_base)};
    if (const auto* matrix = reinterpret_cast<const int32_t*>(
            av_stream_get_side_data(&stream(), AV_PKT_DATA_DISPLAYMATRIX, nullptr))) {
      const double turn = -av_display_rotation_get(matrix);  // it counts anticlockwise
      if (std::isfinite(turn)) shape.turn = std::fmod(turn + 360, 360);
    }
    return shape;
  }

  void packets(HeedTakePacket take, void* to) {
    double end =
        0;  // of all packets; Matroska says how long a file is from 0 on, not from its first picture
    int64_t count = 0;
    for (int got; (got = av_read_frame(format_.get(), packet_.get())) != AVERROR_EOF;) {
      checked(got, "cut short or damaged");
      const auto& packet = *packet_;
      const int64_t time = packet.pts == AV_NOPTS_VALUE ? packet.dts : packet.pts;
      const double tick = av_q2d(format_->streams[packet.stream_index]->time_base);
      if (time != AV_NOPTS_VALUE) end = std::max(end, double(time + packet.duration) * tick);
      const bool is_ours = packet.stream_index == stream_;
      const bool is_damaged = packet.flags & AV_PKT_FLAG_CORRUPT;
      if (is_ours && !(packet.flags & AV_PKT_FLAG_DISCARD))
        take(to, packet.pts == AV_NOPTS_VALUE ? kHeedNoTime : packet.pts,
             packet.flags & AV_PKT_FLAG_KEY);
      count += is_ours;
      av_packet_unref(packet_.get());
      if (is_damaged) throw Failed{"cut short or damaged"};
    }
    if (format_->pb && format_->pb->error < 0) checked(format_->pb->error, "reading");
    check_whole(count, end);
  }

  void seek(int64_t time) {
    checked(avformat_seek_file(format_.get(), stream_, INT64_MIN, time, time, 0),
            "going to a place in the file");
    avcodec_flush_buffers(decoder_.get());
    is_flushing_ = false, begin_ = time;
  }

  bool next(int64_t* time) {
    while (true) {
      const int got = avcodec_receive_frame(decoder_.get(), frame_.get());
      if (got == AVERROR_EOF) return false;
      if (got != AVERROR(EAGAIN)) {
        checked(got, "a damaged picture");
        if (frame_->decode_error_flags || (frame_->flags & AV_FRAME_FLAG_CORRUPT))
          throw Failed{"a damaged picture"};
        *time = frame_->pts == AV_NOPTS_VALUE ? frame_->best_effort_timestamp : frame_->pts;
        if (*time == AV_NOPTS_VALUE) *time = kHeedNoTime;
        return true;
      }
      feed();
    }
  }

  const AVFrame& picture() const { return *frame_; }

  void pixels(uint8_t* rgba) {
    const auto& from = *frame_;
    const auto kind = static_cast<AVPixelFormat>(from.format);
    auto* context =
        sws_getCachedContext(scaler_.release(), from.width, from.height, kind, from.width,
                             from.height, AV_PIX_FMT_RGBA, kScaling, nullptr, nullptr, nullptr);
    scaler_.reset(context);
    if (!context) throw Failed{"pixels of a kind that cannot be converted"};
    int *matrix = nullptr, *unused = nullptr, is_full = 0, to_full = 0;
    int brightness = 0, contrast = 0, saturation = 0;
    if (sws_getColorspaceDetails(context, &matrix, &is_full, &unused, &to_full, &brightness,
                                 &contrast, &saturation) >= 0) {
      if (from.color_range != AVCOL_RANGE_UNSPECIFIED)
        is_full = from.color_range == AVCOL_RANGE_JPEG;
      const int* own = sws_getCoefficients(from.colorspace);
      sws_setColorspaceDetails(context, own, is_full, own, to_full, brightness, contrast,
                               saturation);
    }
    uint8_t* rows[] = {rgba, nullptr, nullptr, nullptr};
    const int strides[] = {4 * from.width, 0, 0, 0};
    checked(sws_scale(context, from.data, from.linesize, 0, from.height, rows, strides),
            "converting pixels");
    const auto* about = av_pix_fmt_desc_get(kind);
    if (about && (about->flags & AV_PIX_FMT_FLAG_ALPHA)) return;
    for (int64_t i = 0; i < int64_t{from.width} * from.height; ++i) rgba[4 * i + 3] = 255;
  }

 private:
  AVStream& stream() const { return *format_->streams[stream_]; }

  /// Of packets that were counted, the last of which ends after so many seconds.
  void check_whole(int64_t count, double end) const {
    const bool counts = std::strstr(format_->iformat->name, "mp4") != nullptr;  // others guess
    if (counts && count < stream().nb_frames)
      throw Failed{"cut short: it has " + std::to_string(count) + " of " +
                   std::to_string(stream().nb_frames) + " frames"};
    if (format_->duration == AV_NOPTS_VALUE ||
        format_->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
      return;
    const double said = double(format_->duration) / AV_TIME_BASE;
    if (end < 0.99 * said - 0.25)
      throw Failed{"cut short: it has " + std::to_string(end) + " of " + std::to_string(said) +
                   " seconds"};
  }

  void find_stream() {
    for (unsigned i = 0; i < format_->nb_streams; ++i)  // a cover is no video
      if (format_->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC)
        format_->streams[i]->discard = AVDISCARD_ALL;
    stream_ = av_find_best_stream(format_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
    if (stream_ < 0 || (stream().disposition & AV_DISPOSITION_ATTACHED_PIC))
      throw Failed{"it has no video"};
  }

  void open_decoder(int64_t most_pixels) {
    const auto& about = *stream().codecpar;
    const auto* codec = avcodec_find_decoder(about.codec_id);
    if (!codec)
      throw Failed{std::string("no decoder for its pictures (") + avcodec_get_name(about.codec_id) +
                   ")"};
    decoder_.reset(present(avcodec_alloc_context3(codec)));
    checked(avcodec_parameters_to_context(decoder_.get(), &about), "damaged");
    decoder_->pkt_timebase = stream().time_base;
    decoder_->thread_count = 1;  // several files are decoded at a time
    decoder_->flags |= AV_CODEC_FLAG_BITEXACT;
    decoder_->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
    decoder_->error_concealment = 0;
    decoder_->max_pixels = most_pixels;
    checked(avcodec_open2(decoder_.get(), codec, nullptr), "damaged");
  }

  /// Gives the decoder a packet more, or says that there are no more.
  void feed() {
    if (is_flushing_) throw Failed{"a damaged picture"};
    while (true) {
      const int got = av_read_frame(format_.get(), packet_.get());
      if (got == AVERROR_EOF) {
        is_flushing_ = true;
        checked(avcodec_send_packet(decoder_.get(), nullptr), "a damaged picture");
        return;
      }
      checked(got, "cut short or damaged");
      // Behind such a place there may be pictures that are shown before it and need what stands before it, too.
      const bool is_before = packet_->pts != AV_NOPTS_VALUE && packet_->pts < begin_;
      const bool is_ours = packet_->stream_index == stream_ && !is_before;
      const int sent = is_ours ? avcodec_send_packet(decoder_.get(), packet_.get()) : 0;
      av_packet_unref(packet_.get());
      checked(sent, "a damaged picture");
      if (is_ours) return;
    }
  }

  Owned<AVFormatContext> format_;
  Owned<AVCodecContext> decoder_;
  Owned<AVPacket> packet_;
  Owned<AVFrame> frame_;
  Owned<SwsContext> scaler_;
  int stream_ = -1;
  bool is_flushing_ = false;
  int64_t begin_ = INT64_MIN;  // where decoding began
};

/// No exception may leave the plug-in.
template <class Body>
int guarded(HeedTakeReason error, void* reason, Body&& body) {
  const auto report = [&](const std::string& why) {
    error(reason, why.data(), why.size());
    return -1;
  };
  try {
    return body();
  } catch (const Failed& failed) {
    return report(failed.why);
  } catch (const std::bad_alloc&) {
    return report(kHeedVideoNoMemory);
  } catch (const std::exception& failure) {
    return report(failure.what());
  }
}

Video& of(void* video) { return *static_cast<Video*>(video); }
const Video& of(const void* video) { return *static_cast<const Video*>(video); }

int open(const char* file, int64_t most_pixels, void** video, HeedTakeReason error, void* reason) {
  return guarded(error, reason, [&] {
    av_log_set_level(
        AV_LOG_QUIET);  // what is wrong is said by errors, and a library prints nothing
    *video = new Video(file, most_pixels);
    return 0;
  });
}

void close(void* video) { delete static_cast<Video*>(video); }

void shape(const void* video, HeedVideoShape* shape) { *shape = of(video).shape(); }

int packets(void* video, HeedTakePacket take, void* to, HeedTakeReason error, void* reason) {
  return guarded(error, reason, [&] {
    of(video).packets(take, to);
    return 0;
  });
}

int seek(void* video, int64_t time, HeedTakeReason error, void* reason) {
  return guarded(error, reason, [&] {
    of(video).seek(time);
    return 0;
  });
}

int next(void* video, int64_t* time, HeedTakeReason error, void* reason) {
  return guarded(error, reason, [&] { return of(video).next(time) ? 0 : 1; });
}

void picture(const void* video, int64_t* height, int64_t* width) {
  *height = of(video).picture().height, *width = of(video).picture().width;
}

int pixels(void* video, uint8_t* rgba, HeedTakeReason error, void* reason) {
  return guarded(error, reason, [&] {
    of(video).pixels(rgba);
    return 0;
  });
}

constexpr HeedFfmpeg kTable{
    kHeedFfmpegVersion, open, close, shape, packets, seek, next, picture, pixels};

}  // namespace

extern "C" __attribute__((visibility("default"))) const HeedFfmpeg* heed_ffmpeg() {
  return &kTable;
}
