#!/usr/bin/env python3
"""Front ends on recordings beside kaldi-native-fbank, librosa and transformers' WhisperFeatureExtractor: the largest differences.

    python3 -m venv build/features-env
    build/features-env/bin/pip install kaldi-native-fbank==1.23.0 librosa==0.11.0 transformers==5.24.0
    build/features-env/bin/python bench/peers/features.py build/release/heed_bench RECORDING...

Each recording is read at its own rate and, where that is another, at 16000 samples a second; all sides are given the same samples,
which Heed read. Printed: the largest difference; the same beside Kaldi's formula in float64, written here, since the library
computes in float32 and loses what is a ten-millionth of a frame's energy, as bands above the old rate of a resampled recording;
and the largest number. Exit 1 where a difference from librosa, Whisper or the float64 formula is above 1e-4.
"""

import argparse
import collections
import io
import subprocess
import sys

import kaldi_native_fbank
import librosa
import numpy
import transformers


def heed(bench, recording, *flags):
    done = subprocess.run([bench, "features", recording, *flags], stdout=subprocess.PIPE, check=True)
    return numpy.load(io.BytesIO(done.stdout))


def ours(bench, recording, features, preset, rate):
    table = f'log_mel = {{ sampling_rate = {rate} }}' if preset == "whisper" else \
        f'front_end = {{ preset = "{preset}", sampling_rate = {rate} }}'
    return heed(bench, recording, "--input", f'features = "{features}"\n{table}\n')


def kaldi(samples, rate, features):
    options = kaldi_native_fbank.FbankOptions() if features == "fbank" else kaldi_native_fbank.MfccOptions()
    options.frame_opts.samp_freq = rate
    options.frame_opts.dither = 0
    made = (kaldi_native_fbank.OnlineFbank if features == "fbank" else kaldi_native_fbank.OnlineMfcc)(options)
    made.accept_waveform(rate, (samples * 32768).tolist())
    made.input_finished()
    return numpy.stack([made.get_frame(i) for i in range(made.num_frames_ready)]).T


def mel(hz):
    return 1127 * numpy.log1p(hz / 700)


def kaldi_float64(samples, rate, features):
    """Kaldi's defaults, from its description: povey window, preemphasis, 23 triangles over mel from 20 Hz, 13 cepstra liftered."""
    size, hop, bands = rate * 25 // 1000, rate // 100, 23
    fft = 1 << (size - 1).bit_length()
    frames = numpy.lib.stride_tricks.sliding_window_view(samples.astype("f8") * 32768, size)[::hop]
    frames = frames - frames.mean(1, keepdims=True)
    energy = numpy.log(numpy.maximum((frames ** 2).sum(1), numpy.finfo("f4").eps))
    frames = frames - 0.97 * numpy.concatenate([frames[:, :1], frames[:, :-1]], 1)
    window = (0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(size) / (size - 1))) ** 0.85
    power = abs(numpy.fft.rfft(frames * window, fft)) ** 2
    edges = numpy.linspace(mel(20), mel(rate / 2), bands + 2)
    places = mel(numpy.arange(fft // 2 + 1) * rate / fft)
    weights = numpy.array([numpy.clip(numpy.minimum((places - a) / (b - a), (c - places) / (c - b)), 0, None)
                           for a, b, c in zip(edges, edges[1:], edges[2:])])
    logs = numpy.log(numpy.maximum(power @ weights.T, numpy.finfo("f4").eps))
    if features == "fbank":
        return logs.T
    k = numpy.arange(13)[:, None]
    cosines = numpy.cos(numpy.pi * k * (numpy.arange(bands) + 0.5) / bands) * numpy.sqrt(2 / bands)
    cosines[0] /= numpy.sqrt(2)
    cepstra = logs @ (cosines * (1 + 11 * numpy.sin(numpy.pi * k / 22))).T
    cepstra[:, 0] = energy
    return cepstra.T


def librosas(samples, rate, features):
    if features == "mfcc":
        return librosa.feature.mfcc(y=samples.astype("f8"), sr=rate)
    return librosa.power_to_db(librosa.feature.melspectrogram(y=samples.astype("f8"), sr=rate))


def whispers(samples, rate, features):
    made = transformers.WhisperFeatureExtractor(sampling_rate=rate)
    return made(samples, sampling_rate=rate, return_tensors="np")["input_features"][0]


PEERS = [("kaldi", kaldi, ("fbank", "mfcc")), ("kaldi, float64", kaldi_float64, ("fbank", "mfcc")),
         ("librosa", librosas, ("fbank", "mfcc")), ("whisper", whispers, ("log_mel",))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heed_bench")
    parser.add_argument("recordings", nargs="+")
    flags = parser.parse_args()
    worst, largest = collections.defaultdict(float), collections.defaultdict(float)
    for recording in flags.recordings:
        own_rate = int(librosa.get_samplerate(recording))
        for rate in sorted({own_rate, 16000}):
            samples = heed(flags.heed_bench, recording, "--sampling-rate", str(rate))[0]
            for name, peer, kinds in PEERS:
                if name == "whisper" and rate != 16000:
                    continue
                for kind in kinds:
                    expected = peer(samples, rate, kind)
                    found = ours(flags.heed_bench, recording, kind, name.split(",")[0], rate)
                    assert found.shape == expected.shape, (recording, name, kind, found.shape, expected.shape)
                    case = f"{name} {kind}, " + ("own rate" if rate == own_rate else "resampled")
                    worst[case] = max(worst[case], float(abs(found - expected).max()))
                    largest[case] = max(largest[case], float(abs(expected).max()))
    for case, difference in worst.items():
        print(f"{difference:.1e}  {case} (numbers up to {largest[case]:.0f})")
    held = [difference for case, difference in worst.items() if not case.startswith("kaldi ")]
    return 1 if max(held) > 1e-4 else 0


if __name__ == "__main__":
    sys.exit(main())
