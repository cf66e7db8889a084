// What the doctor collects: one line per check, and advice in order. Not: the checks.
import { ExpectedError } from '../../base/errors.ts'
import { SchemaError } from '../../base/field.ts'

/** `bad` needs the operator; `note` is worth knowing. */
export type CheckStatus = 'ok' | 'note' | 'bad'

export interface Check {
  readonly name: string
  readonly status: CheckStatus
  readonly detail: string
}

/** Every part reports separately, so that one fault does not hide another. */
export class Findings {
  readonly checks: Check[] = []
  readonly advice: string[] = []

  ok(name: string, detail: string): void {
    this.checks.push({ name, status: 'ok', detail })
  }

  note(name: string, detail: string): void {
    this.checks.push({ name, status: 'note', detail })
  }

  bad(name: string, detail: string, advice: string): void {
    this.checks.push({ name, status: 'bad', detail })
    if (!this.advice.includes(advice)) this.advice.push(advice)
  }

  /** Runs one part; damage that it did not expect is a finding of its own, and a bug still shows its stack. */
  async guard<T>(name: string, advice: string, run: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await run()
    } catch (error) {
      const expected = [ExpectedError, SchemaError, RangeError, SyntaxError]
      if (!expected.some((kind) => error instanceof kind) && !isSystemError(error)) throw error
      this.bad(name, (error as Error).message, advice)
      return undefined
    }
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException | undefined)?.syscall === 'string'
}

/** Moving a part away keeps it for a diagnosis; the start makes it anew. */
export function moveAway(path: string, then: string): string {
  return `mv ${path} ${path}.damaged   then start: ${then}`
}
