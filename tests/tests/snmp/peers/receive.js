// Receives notifications with net-snmp of npm, acknowledges informs, and prints each as one line.
// Arguments: port, user, secret of authentication, secret of privacy.
'use strict';

const snmp = require('net-snmp');

const [port, user, auth, privacy] = process.argv.slice(2);

const receiver = snmp.createReceiver(
  { port: Number(port), address: '127.0.0.1', disableAuthorization: false },
  (error, notification) => {
    if (error) {
      console.error(error.message);
      return;
    }
    const { pdu } = notification;
    const told = pdu.varbinds.map(({ oid, value }) => `.${oid} = ${value}`);
    console.log([snmp.PduType[pdu.type], ...told].join(' | ').replaceAll('\n', ' '));
  },
);
receiver.getAuthorizer().addUser({
  name: user,
  level: snmp.SecurityLevel.authPriv,
  authProtocol: snmp.AuthProtocols.sha256,
  authKey: auth,
  privProtocol: snmp.PrivProtocols.aes,
  privKey: privacy,
});
console.log('it listens');
