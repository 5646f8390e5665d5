"""What cleanvision finds in a folder, as one line of JSON: cleanvision_peer.py FOLDER."""

import contextlib
import json
import sys

from cleanvision import Imagelab

FAULTS = {"dark": "dark", "light": "light", "blurred": "blurry", "flat": "low_information"}
SETS = ("near_duplicates", "exact_duplicates")

with contextlib.redirect_stdout(sys.stderr):
    lab = Imagelab(data_path=sys.argv[1])
    lab.find_issues({name: {} for name in (*FAULTS.values(), *SETS)}, verbose=False)
faults = {ours: lab.issues.index[lab.issues[f"is_{theirs}_issue"]].tolist()
          for ours, theirs in FAULTS.items()}
print(json.dumps({"faults": faults, "sets": [list(paths) for name in SETS for paths in lab.info[name]["sets"]]}))
