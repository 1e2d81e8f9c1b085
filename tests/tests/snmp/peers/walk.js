// Walks with net-snmp of npm whenever a line comes in, and prints what the tools of net-snmp would,
// then a dot. Arguments: port, user, secret of authentication, secret of privacy, what to walk.
'use strict';

const snmp = require('net-snmp');

const [port, user, auth, privacy, root] = process.argv.slice(2);

// The value with its type, as the tools of net-snmp write it.
function text({ type, value }) {
  switch (type) {
    case snmp.ObjectType.Counter64:
      return `Counter64: ${BigInt('0x' + (value.toString('hex') || '0'))}`;
    case snmp.ObjectType.Gauge32:
      return `Gauge32: ${value}`;
    case snmp.ObjectType.OctetString:
      return value.length > 0 ? `STRING: "${value}"` : '""';
    default:
      return `${snmp.ObjectType[type]}: ${value}`;
  }
}

const session = snmp.createV3Session(
  '127.0.0.1',
  {
    name: user,
    level: snmp.SecurityLevel.authPriv,
    authProtocol: snmp.AuthProtocols.sha256,
    authKey: auth,
    privProtocol: snmp.PrivProtocols.aes,
    privKey: privacy,
  },
  { port: Number(port), timeout: 5000, retries: 0 },
);

function walk() {
  const lines = [];
  const feed = (instances) => {
    for (const instance of instances) {
      if (snmp.isVarbindError(instance)) throw new Error(snmp.varbindError(instance));
      lines.push(`.${instance.oid} = ${text(instance)}`);
    }
  };
  session.subtree(root.slice(1), 40, feed, (error) => {
    if (error) throw error;
    console.log([...lines, '.'].join('\n'));
  });
}

require('readline').createInterface({ input: process.stdin }).on('line', walk)
  .on('close', () => session.close());
