"""Reads the chain's history with Python's standard library alone: blocks, movements of coins, what backs them.

    python3 history.py [first block] [last block]

ETH_RPC_URL is the node; by default a devnet on this machine. Without a last block it reads up to the newest.
"""

import json
import os
import sys
import urllib.request

RPC_URL = os.environ.get("ETH_RPC_URL", "http://127.0.0.1:8545")
# Whatever moves coins leaves a Transfer(address from, address to, uint256 value) of this address (EIP-7708).
COIN = "0xfffffffffffffffffffffffffffffffffffffffe"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
BLOCKS_A_BATCH = 50
UNIT = 10**18


# region read
def ask(calls):
    """The results of several calls in one request, in their order."""
    body = [{"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(calls)]
    request = urllib.request.Request(RPC_URL, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answers = sorted(json.load(response), key=lambda answer: answer["id"])
    for (method, _), answer in zip(calls, answers):
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']['message']}")
    return [answer["result"] for answer in answers]


def history(first, last):
    """Block, receipts, movements of coins and reserve of each height; a block that is shown is final, so none is read twice."""
    for start in range(first, last + 1, BLOCKS_A_BATCH):
        heights = range(start, min(start + BLOCKS_A_BATCH, last + 1))
        calls = []
        for height in heights:
            at = hex(height)
            # Logs, because the block itself moves coins too, and what it does stands in no transaction's receipt.
            moved = {"fromBlock": at, "toBlock": at, "address": COIN, "topics": [TRANSFER]}
            calls += [("eth_getBlockByNumber", [at, False]), ("eth_getBlockReceipts", [at])]
            calls += [("eth_getLogs", [moved]), ("chain_reserve", [height])]
        answers = ask(calls)
        yield from zip(heights, answers[0::4], answers[1::4], answers[2::4], answers[3::4])


# endregion
def coins(base):
    """Exact: Python's integers have no bound, and no float is made of them."""
    fraction = f"{base % UNIT:018d}".rstrip("0")
    return f"{base // UNIT}{'.' + fraction if fraction else ''}"


def address(topic):
    return "0x" + topic[-40:]


def main():
    newest = int(ask([("eth_blockNumber", [])])[0], 16)
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    last = min(int(sys.argv[2]), newest) if len(sys.argv) > 2 else newest
    for height, block, receipts, movements, answer in history(first, last):
        reserve = answer["reserve"]
        stop = reserve.get("mintStop")  # only while nobody may mint
        failed = sum(receipt["status"] == "0x0" for receipt in receipts)
        print(
            f"block {height} time {int(block['timestamp'], 16)} transactions {len(receipts)} failed {failed}",
            f"supply {coins(int(reserve['supplyBase']))} liabilities {coins(int(reserve['liabilitiesBase']))}",
            f"shortfall {coins(int(reserve['shortfallBase']))}{' no minting: ' + stop['reason'] if stop else ''}",
        )
        for log in movements:
            source, target = (address(topic) for topic in log["topics"][1:3])
            print(f"  {source} -> {target} {coins(int(log['data'], 16))} in {log['transactionHash']}")


main()
