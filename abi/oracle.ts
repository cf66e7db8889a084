// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const oracleAddress = '0x7375616e6c690000000000000000000000000005' as const

/** The anchor (rating that one SCU delivers) and the SCU-hour price per settlement asset. */
export const oracleAbi = [
  {"type":"function","name":"anchor","inputs":[],"outputs":[{"name":"","type":"tuple","components":[{"name":"anchor","type":"uint64"},{"name":"nextAnchor","type":"uint64"},{"name":"sinceWindow","type":"uint64"},{"name":"driftPpm","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"function","name":"price","inputs":[{"name":"asset","type":"uint64"}],"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"DebitRefused","inputs":[{"name":"account","type":"address"},{"name":"asset","type":"uint64"},{"name":"reason","type":"string"}]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"AnchorMoved","inputs":[{"name":"windowIndex","type":"uint64","indexed":false},{"name":"anchor","type":"uint64","indexed":false},{"name":"previousAnchor","type":"uint64","indexed":false}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
