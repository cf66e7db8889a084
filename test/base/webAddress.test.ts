import assert from 'node:assert/strict'
import { isWebAddress } from '../../base/webAddress.ts'

describe('base.webAddress', () => {
  it('is an http or https address in ASCII', () => {
    for (const text of [
      'https://a.example',
      'HTTP://a.example:8080/terms?x=y%20z#1',
      'http://127.0.0.1:1',
      "https://[::1]:1/;a=[b]@c'",
    ])
      assert.ok(isWebAddress(text), text)
  })

  it('is nothing that runs, names a user, hides something or ends an attribute', () => {
    const schemes = [
      'javascript:alert(1)',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc/passwd',
      'ftp://a',
      '//a',
    ]
    const rest = [' ', '\n', '"', '<', '>', '\\', '`', '{', '\u202e', '算'].map((text) => `https://a/${text}`)
    const hosts = [
      'https://',
      'https:///a',
      'https://a b',
      'https://user@a',
      'https://u:p@a/',
      'https://算力.tw',
      ' https://a',
    ]
    for (const text of ['', ...schemes, ...rest, ...hosts, 'https://a\njavascript:x'])
      assert.ok(!isWebAddress(text), text)
  })
})
