// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const capacityAddress = '0x7375616e6c690000000000000000000000000006' as const

/** Windows, evergreen pledges of hardware, and the rated device-hours free in each window. */
export const capacityAbi = [
  {"type":"function","name":"pledge","inputs":[{"name":"classId","type":"uint32"},{"name":"devices","type":"uint32"},{"name":"deviceRoot","type":"bytes32"},{"name":"region","type":"string"},{"name":"services","type":"uint8"},{"name":"firstWindow","type":"uint64"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"giveNotice","inputs":[{"name":"lot","type":"uint64"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"clock","inputs":[],"outputs":[{"name":"","type":"tuple","components":[{"name":"windowIndex","type":"uint64"},{"name":"startedAtMs","type":"uint64"},{"name":"endsAtMs","type":"uint64"},{"name":"startedAtHeight","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"function","name":"windows","inputs":[{"name":"provider","type":"uint64"}],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"windowIndex","type":"uint64"},{"name":"ratedHours","type":"uint256"},{"name":"reservedHours","type":"uint256"},{"name":"freeBase","type":"uint256"},{"name":"countedBase","type":"uint256"}]}],"stateMutability":"view"},
  {"type":"function","name":"totals","inputs":[],"outputs":[{"name":"","type":"tuple","components":[{"name":"capacityBase","type":"uint256"},{"name":"summaries","type":"tuple[]","components":[{"name":"provider","type":"uint64"},{"name":"capacityBase","type":"uint256"}]}]}],"stateMutability":"view"},
  {"type":"error","name":"NotProvider","inputs":[{"name":"sender","type":"address"}]},
  {"type":"error","name":"ProviderNotServing","inputs":[{"name":"provider","type":"uint64"}]},
  {"type":"error","name":"UnknownClass","inputs":[{"name":"classId","type":"uint32"}]},
  {"type":"error","name":"DevicesOutOfRange","inputs":[{"name":"devices","type":"uint32"},{"name":"maximum","type":"uint32"}]},
  {"type":"error","name":"MalformedRegion","inputs":[{"name":"region","type":"string"}]},
  {"type":"error","name":"ServicesOutOfRange","inputs":[{"name":"services","type":"uint8"}]},
  {"type":"error","name":"FirstWindowOutOfRange","inputs":[{"name":"firstWindow","type":"uint64"},{"name":"earliest","type":"uint64"},{"name":"latest","type":"uint64"}]},
  {"type":"error","name":"DevicesAlreadyPledged","inputs":[{"name":"deviceRoot","type":"bytes32"},{"name":"lot","type":"uint64"}]},
  {"type":"error","name":"TooManyLots","inputs":[{"name":"provider","type":"uint64"},{"name":"maximum","type":"uint32"}]},
  {"type":"error","name":"UnknownLot","inputs":[{"name":"lot","type":"uint64"}]},
  {"type":"error","name":"NotLotProvider","inputs":[{"name":"lot","type":"uint64"},{"name":"provider","type":"uint64"}]},
  {"type":"error","name":"NoticeAlreadyGiven","inputs":[{"name":"lot","type":"uint64"},{"name":"lastWindow","type":"uint64"}]},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"DebitRefused","inputs":[{"name":"account","type":"address"},{"name":"asset","type":"uint64"},{"name":"reason","type":"string"}]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"WindowEnded","inputs":[{"name":"windowIndex","type":"uint64","indexed":false},{"name":"endsAtMs","type":"uint64","indexed":false}]},
  {"type":"event","name":"LotPledged","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"lot","type":"uint64","indexed":false},{"name":"classId","type":"uint32","indexed":false},{"name":"devices","type":"uint32","indexed":false},{"name":"firstWindow","type":"uint64","indexed":false}]},
  {"type":"event","name":"LotAttested","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"lot","type":"uint64","indexed":false},{"name":"countsFrom","type":"uint64","indexed":false},{"name":"auditPpm","type":"uint64","indexed":false}]},
  {"type":"event","name":"LotNoticeGiven","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"lot","type":"uint64","indexed":false},{"name":"lastWindow","type":"uint64","indexed":false}]},
  {"type":"event","name":"LotEnded","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"lot","type":"uint64","indexed":false}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
