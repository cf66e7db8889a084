// Resolves a block selector to a block or a state. Owns: the meaning of tags, and errors for pruned heights.
import type { Height } from '../../base/ids.ts'
import type { Backend, FinalizedBlock, StateView } from '../backend.ts'
import { prunedHistory, RPC_CODE, RpcError } from '../errors.ts'
import type { BlockSelector } from '../params.ts'

/** A finalized block; `pending` is the tip, because unfinalized blocks are never returned. */
export function findBlock(
  backend: Backend,
  selector: BlockSelector,
): FinalizedBlock | undefined | Promise<FinalizedBlock | undefined> {
  const head = backend.head()
  switch (selector.kind) {
    case 'latest':
    case 'pending':
      return head
    case 'height':
      if (selector.height > head.header.height) return undefined
      checkHeld(backend, selector.height)
      return selector.height === head.header.height ? head : backend.blockByHeight(selector.height)
    case 'hash':
      return backend.blockByHash(selector.hash)
  }
}

/** Like `findBlock`; throws RpcError that says what there is, for a block that there is not. */
export async function mustFindBlock(backend: Backend, selector: BlockSelector): Promise<FinalizedBlock> {
  const block = await findBlock(backend, selector)
  if (block !== undefined) return block
  throw selector.kind === 'height' ? aboveLatest(backend, selector.height) : unknownHash()
}

const unknownHash = (): RpcError => new RpcError(RPC_CODE.refused, 'header for hash not found')

function aboveLatest(backend: Backend, height: Height): RpcError {
  const newest = backend.head().header.height
  return new RpcError(RPC_CODE.refused, `header not found: block ${height} is above the latest, ${newest}`)
}

/** Throws RpcError for a pruned height. */
export function checkHeld(backend: Backend, height: Height): void {
  const heightMin = backend.blockHeightMin()
  if (height > 0 && height < heightMin) throw prunedHistory(height, heightMin)
}

function notHeld(backend: Backend, height: Height): RpcError {
  const newest = backend.head().header.height
  const oldest = backend.stateHeightMin()
  if (height > newest) return aboveLatest(backend, height)
  return new RpcError(
    RPC_CODE.refused,
    `the state of block ${height} is not held: this node serves blocks ${oldest} to ${newest}`,
    { heightMin: oldest, heightMax: newest },
  )
}

/** Throws RpcError when that state is not held. */
export function mustFindState(backend: Backend, selector: BlockSelector): StateView | Promise<StateView> {
  if (selector.kind === 'hash') return stateByHash(backend, selector)
  const view = backend.stateAt(selector.kind === 'height' ? selector.height : selector.kind)
  if (view !== undefined) return view
  throw notHeld(backend, selector.kind === 'height' ? selector.height : backend.head().header.height)
}

async function stateByHash(
  backend: Backend,
  selector: Extract<BlockSelector, { kind: 'hash' }>,
): Promise<StateView> {
  const block = await backend.blockByHash(selector.hash)
  if (block === undefined) throw unknownHash()
  const view = backend.stateAt(block.header.height)
  if (view === undefined) throw notHeld(backend, block.header.height)
  return view
}

/** Applies `use` at once when the value is in memory, so that most answers stay synchronous. */
export function withValue<T, R>(value: T | Promise<T>, use: (value: T) => R): R | Promise<R> {
  return value instanceof Promise ? value.then(use) : use(value)
}
