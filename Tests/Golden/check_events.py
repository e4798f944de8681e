"""Reads the event files of a run's directory as TensorBoard does, checksums included, and prints what is in them as JSON.

usage: check_events.py RUN_DIR
"""
import glob
import json
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

# Every record of every file, to its end: the accumulator alone would pass over what is damaged.
records = 0
for path in glob.glob(sys.argv[1] + "/events.out.tfevents.*"):
    reader = PyRecordReader_New(path)
    while True:
        try:
            reader.GetNext()
        except Exception as error:
            assert type(error).__name__ == "OutOfRangeError", error
            break
        records += 1

events = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={key: 0 for key in ("scalars", "tensors", "histograms")})
events.Reload()
tags = events.Tags()
settings = {}
for tag, content in (events.summary_metadata.items() if hasattr(events, "summary_metadata") else []):
    if content.plugin_data.plugin_name == "hparams":
        data = plugin_data_pb2.HParamsPluginData.FromString(content.plugin_data.content)
        for name, value in data.session_start_info.hparams.items():
            settings[name] = getattr(value, value.WhichOneof("kind"))
texts = {
    tag: [[event.step, event.tensor_proto.string_val[0].decode()] for event in events.Tensors(tag)]
    for tag in tags["tensors"]
    if events.SummaryMetadata(tag).plugin_data.plugin_name == "text"
}
print(
    json.dumps(
        {
            "records": records,
            "scalars": {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in tags["scalars"]},
            "texts": texts,
            "histograms": {
                tag: [[event.step, event.histogram_value.num, event.histogram_value.sum] for event in events.Histograms(tag)]
                for tag in tags["histograms"]
            },
            "settings": settings,
        }
    )
)
