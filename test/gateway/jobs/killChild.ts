// A door in a process of its own, to be killed: `node killChild.js FOLDER`. Prints its URL and key as one line of JSON.
import { openJobsDoor } from './jobsDoor.ts'

const [, , folder] = process.argv
if (folder === undefined) throw new Error('expected a folder')
const door = await openJobsDoor({ folder })
console.log(JSON.stringify({ url: door.url, key: door.keyOf(), meteredBase: `${door.meter().meteredBase}` }))
