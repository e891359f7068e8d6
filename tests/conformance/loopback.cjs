// Loaded before the suite's origin, which names no address to listen on: whoever names none listens on loopback alone.
const net = require('node:net')
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, ...(typeof rest[0] === 'string' ? [port, ...rest] : [port, '127.0.0.1', ...rest]))
}
