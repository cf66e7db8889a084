// What a devnet's providers run by themselves, as the chain under them sees it: the granter, or their gateways.

export interface ProviderPrograms {
  /** Resolves once whatever the chain waits for is done: before a window ends, or a block is remembered. */
  catchUp(): Promise<void>
  /** Runs a step that takes blocks back: nothing is under way meanwhile, and then the chain is looked at anew. */
  hold<T>(step: () => Promise<T>): Promise<T>
  close(): Promise<void>
}
