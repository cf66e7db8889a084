// The error of a failed check.

/** A broken property, described in one line. */
export class Violation extends Error {
  readonly property: string
  constructor(property: string, detail: string) {
    super(`${property}: ${detail}`)
    this.name = 'Violation'
    this.property = property
  }
}
