// Prints the entry's id. Node 18 or newer and nothing else. With a Redis client of your own, all of it is one line:
//   await client.xAdd('bulkverify:uploads', '*', { request: JSON.stringify(request) })
import { connect } from 'node:net' // for a rediss:// URL: from 'node:tls'
import { text } from 'node:stream/consumers'

const request = {
  version: 1,
  upload_id: 'crm-2026-11',
  account: 'ipqs-main',
  kind: 'email',
  source: { path: '/srv/lists/newsletter.csv' },
  producer: 'crm',
}
const url = new URL(process.env.BULKVERIFY_REDIS_URL ?? 'redis://localhost:6379/0')
const login = [decodeURIComponent(url.username) || 'default', decodeURIComponent(url.password)]
const commands = [
  ...(url.password ? [['AUTH', ...login]] : []),
  ['SELECT', url.pathname.slice(1) || '0'],
  ['XADD', 'bulkverify:uploads', '*', 'request', JSON.stringify(request)],
  ['QUIT'], // the server answers everything, then closes
]
const encode = (words) => `*${words.length}\r\n` + words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join('')

const socket = connect({ host: url.hostname, port: Number(url.port || 6379) })
socket.setTimeout(10_000, () => socket.destroy(new Error('Redis did not answer within 10 s')))
socket.write(commands.map(encode).join(''))
const answers = await text(socket)
const entry = answers.match(/^\d+-\d+(?=\r)/m)
if (!entry || /^-/m.test(answers)) throw new Error(`Redis answered: ${answers}`)
console.log(entry[0])
