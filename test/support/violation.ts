// What a failed check throws.

/** A broken property; carries what is needed to say it in one line. */
export class Violation extends Error {
  readonly property: string
  constructor(property: string, detail: string) {
    super(`${property}: ${detail}`)
    this.name = 'Violation'
    this.property = property
  }
}
