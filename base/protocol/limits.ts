// Bounds that every room must agree on. Consensus-relevant: changing one is a protocol change.

/** One transaction envelope, bytes. */
export const TX_BYTES_MAX = 64 * 1024
/** Transactions in one block. */
export const BLOCK_TXS_MAX = 8192
/** Encoded block, bytes. */
export const BLOCK_BYTES_MAX = 4 * 1024 * 1024
/** Upper bound on the header, and on tags and lengths around the transactions, bytes. */
export const BLOCK_OVERHEAD_BYTES = 1024
/** Tag and length of one transaction in a block, bytes. */
export const TX_OVERHEAD_BYTES = 5
/** Validators in one set. */
export const VALIDATORS_MAX = 256
/** Skipped-view certificates a proposal may carry. */
export const JUSTIFICATION_MAX = 64
