"""A robot as those who use openpi have it: run by a Python of its own, since openpi-client needs NumPy before 2.

It is told an address and how many steps to make, reads tasks from a file, and writes what it was told and where it came.
"""

import json
import sys

import numpy as np
from openpi_client.action_chunk_broker import ActionChunkBroker
from openpi_client.websocket_client_policy import WebsocketClientPolicy

host, port, tasks, out = sys.argv[1:]
given = np.load(tasks)
policy = WebsocketClientPolicy(host, int(port))
chunk = policy.get_server_metadata()["actions_a_reply"]
actions, hows = [], []
for observation in given["observations"]:
    request = {"observation/pixels": observation, "goal/pixels": given["goal"]}
    if not actions:
        request["seed"] = int(given["seed"])
    answer = policy.infer(request)
    actions.append(answer["actions"])
    hows.append(answer["how"])
broker = ActionChunkBroker(policy, chunk)
single = [broker.infer({"observation/pixels": given["observations"][0]})["actions"] for _ in range(chunk)]
try:
    policy.infer({"observation/pixels": given["observations"][0] * np.float32(np.nan)})
    refusal = ""
except RuntimeError as error:
    refusal = str(error)
np.savez(out, actions=np.stack(actions), single=np.stack(single))
print(json.dumps({"metadata": policy.get_server_metadata(), "how": hows, "refusal": refusal}))
