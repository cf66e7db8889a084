// Standard functions that libp2p calls and Node 20 lacks. Import it, for its side effect, before libp2p.

interface Resolvers<T> {
  promise: Promise<T>
  resolve: (value: T | PromiseLike<T>) => void
  reject: (reason?: unknown) => void
}

function withResolvers<T>(): Resolvers<T> {
  let resolve!: Resolvers<T>['resolve']
  let reject!: Resolvers<T>['reject']
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/** Adds `Promise.withResolvers` (ES2024) unless the runtime has it. */
export function installPolyfills(): void {
  const target = Promise as unknown as { withResolvers?: typeof withResolvers }
  if (target.withResolvers === undefined) {
    Object.defineProperty(Promise, 'withResolvers', {
      value: withResolvers,
      writable: true,
      configurable: true,
    })
  }
}

installPolyfills()
