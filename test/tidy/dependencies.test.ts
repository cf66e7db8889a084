// Every dependency is justified in docs/dependencies.md.
import { strict as assert } from 'node:assert'
import { read } from './sources.ts'

describe('tidy.dependencies', () => {
  it('names every dependency in docs/dependencies.md', () => {
    const manifest = JSON.parse(read('package.json')) as {
      dependencies: Record<string, string>
      devDependencies: Record<string, string>
    }
    const text = read('docs/dependencies.md')
    const missing = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      (name) => !text.includes(`\`${name}\``),
    )
    assert.deepEqual(missing, [])
  })
})
