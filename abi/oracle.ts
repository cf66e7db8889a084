// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const oracleAddress = '0x7375616e6c690000000000000000000000000005' as const

/** The anchor (rating that one SCU delivers) and the SCU-hour price per settlement asset. */
export const oracleAbi = [
  {"type":"function","name":"commit","inputs":[{"name":"window","type":"uint64"},{"name":"commitment","type":"bytes32"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"reveal","inputs":[{"name":"window","type":"uint64"},{"name":"salt","type":"bytes32"},{"name":"rating","type":"uint64"},{"name":"prices","type":"tuple[]","components":[{"name":"asset","type":"uint64"},{"name":"priceBase","type":"uint256"}]}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"anchor","inputs":[],"outputs":[{"name":"","type":"tuple","components":[{"name":"anchor","type":"uint64"},{"name":"nextAnchor","type":"uint64"},{"name":"sinceWindow","type":"uint64"},{"name":"driftPpm","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"function","name":"price","inputs":[{"name":"asset","type":"uint64"}],"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"},
  {"type":"function","name":"reporters","inputs":[],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"id","type":"uint64"},{"name":"account","type":"address"},{"name":"name","type":"string"},{"name":"sinceWindow","type":"uint64"},{"name":"absent","type":"bool"}]}],"stateMutability":"view"},
  {"type":"function","name":"reports","inputs":[{"name":"window","type":"uint64"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"windowIndex","type":"uint64"},{"name":"reports","type":"tuple[]","components":[{"name":"chamber","type":"uint8"},{"name":"member","type":"uint64"},{"name":"account","type":"address"},{"name":"commitment","type":"bytes32"},{"name":"outcome","type":"uint8"},{"name":"rating","type":"uint64"},{"name":"prices","type":"tuple[]","components":[{"name":"asset","type":"uint64"},{"name":"priceBase","type":"uint256"}]}]}]}],"stateMutability":"view"},
  {"type":"function","name":"history","inputs":[{"name":"cursor","type":"uint64"},{"name":"limit","type":"uint32"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"results","type":"tuple[]","components":[{"name":"windowIndex","type":"uint64"},{"name":"decision","type":"uint8"},{"name":"anchor","type":"uint64"},{"name":"nextAnchor","type":"uint64"},{"name":"boundPpm","type":"uint64"},{"name":"reporters","type":"tuple","components":[{"name":"members","type":"uint32"},{"name":"committed","type":"uint32"},{"name":"revealed","type":"uint32"},{"name":"medianRating","type":"uint64"}]},{"name":"providers","type":"tuple","components":[{"name":"members","type":"uint32"},{"name":"committed","type":"uint32"},{"name":"revealed","type":"uint32"},{"name":"medianRating","type":"uint64"}]},{"name":"prices","type":"tuple[]","components":[{"name":"asset","type":"uint64"},{"name":"priceBase","type":"uint256"},{"name":"bondPriceBase","type":"uint256"},{"name":"lockPriceBase","type":"uint256"}]}]},{"name":"nextCursor","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"error","name":"NotReporter","inputs":[{"name":"sender","type":"address"}]},
  {"type":"error","name":"NotReporterYet","inputs":[{"name":"sinceWindow","type":"uint64"}]},
  {"type":"error","name":"WrongWindow","inputs":[{"name":"window","type":"uint64"},{"name":"running","type":"uint64"}]},
  {"type":"error","name":"WrongPhase","inputs":[{"name":"phase","type":"uint8"},{"name":"untilMs","type":"uint64"}]},
  {"type":"error","name":"NoCommitment","inputs":[{"name":"window","type":"uint64"}]},
  {"type":"error","name":"AlreadyRevealed","inputs":[{"name":"window","type":"uint64"}]},
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
  {"type":"event","name":"AnchorHeld","inputs":[{"name":"anchor","type":"uint64","indexed":false},{"name":"untilWindow","type":"uint64","indexed":false}]},
  {"type":"event","name":"ReportCommitted","inputs":[{"name":"chamber","type":"uint8","indexed":true},{"name":"member","type":"uint64","indexed":true},{"name":"window","type":"uint64","indexed":true}]},
  {"type":"event","name":"ReportRevealed","inputs":[{"name":"chamber","type":"uint8","indexed":true},{"name":"member","type":"uint64","indexed":true},{"name":"window","type":"uint64","indexed":true},{"name":"rating","type":"uint64","indexed":false}]},
  {"type":"event","name":"ReportRefused","inputs":[{"name":"chamber","type":"uint8","indexed":true},{"name":"member","type":"uint64","indexed":true},{"name":"window","type":"uint64","indexed":true},{"name":"outcome","type":"uint8","indexed":false}]},
  {"type":"event","name":"ReportsTallied","inputs":[{"name":"window","type":"uint64","indexed":true},{"name":"decision","type":"uint8","indexed":false},{"name":"anchor","type":"uint64","indexed":false},{"name":"reporters","type":"uint32","indexed":false},{"name":"providers","type":"uint32","indexed":false}]},
  {"type":"event","name":"PriceRenewed","inputs":[{"name":"asset","type":"uint64","indexed":true},{"name":"window","type":"uint64","indexed":false},{"name":"priceBase","type":"uint256","indexed":false},{"name":"bondPriceBase","type":"uint256","indexed":false},{"name":"lockPriceBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"ReporterAppointed","inputs":[{"name":"reporter","type":"uint64","indexed":true},{"name":"account","type":"address","indexed":true},{"name":"name","type":"string","indexed":false},{"name":"sinceWindow","type":"uint64","indexed":false}]},
  {"type":"event","name":"ReporterDismissed","inputs":[{"name":"reporter","type":"uint64","indexed":true},{"name":"account","type":"address","indexed":true}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
