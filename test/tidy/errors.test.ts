// Every error that its reader can mend has its place in docs/errors.md, with each of its codes.
import { strict as assert } from 'node:assert'
import { OperatorError } from '../../base/errors.ts'
import { ROOMS, read, sources } from './sources.ts'

/** Classes below ExpectedError, each with the codes that its file lists. */
function expectedErrors(): readonly { readonly name: string; readonly codes: readonly string[] }[] {
  return ROOMS.flatMap(sources).flatMap((file) =>
    [
      ...read(file).matchAll(
        /export class (\w+) extends ExpectedError \{\n\s+readonly code(?: = |: )([^\n]+)/g,
      ),
    ].map(([, name, code]) => {
      const union = new RegExp(`type ${code} =((?:\\n[^\\n]*)+?)\\n\\n`).exec(read(file))?.[1]
      const text = (union ?? code!).replace(/\/\*\*[\s\S]*?\*\//g, '')
      return { name: name!, codes: [...text.matchAll(/'(\w+)'/g)].map((match) => match[1]!) }
    }),
  )
}

describe('tidy.errors', () => {
  const page = read('docs/errors.md')
  const found = expectedErrors()

  it('finds the classes', () => {
    assert.ok(found.length >= 8)
    for (const { name, codes } of found) assert.ok(codes.length > 0, name)
  })

  for (const { name, codes } of found) {
    it(`${name} and its codes are explained`, () => {
      const [, section = ''] = page.split(`\n## ${name}\n`)
      const text = section.split('\n## ')[0]!
      assert.deepEqual(
        codes.filter((code) => !text.includes(`\`${code}\``) && !text.includes(`'${code}'`)),
        [],
      )
    })
  }

  it('an error knows its page', () => {
    assert.equal(new OperatorError('x').page, 'docs/errors.md#operatorerror')
  })
})
