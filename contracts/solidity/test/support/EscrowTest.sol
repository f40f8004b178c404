// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {Token} from "../../src/Token.sol";
import {Signing} from "./Signing.sol";
import {Vm} from "./Test.sol";

/// @dev A token, an escrow, and the people around a stake.
abstract contract EscrowTest is Signing {
    uint256 internal constant PAYER_KEY = 0xb0b;
    uint256 internal constant MALLORY_KEY = 0xbad;
    uint256 internal constant SUPPLY = 1_000_000 ether;
    bytes32 internal constant TRANSFER = keccak256("Transfer(address,address,uint256)");
    bytes4 internal constant OVERFLOW = 0x4e487b71; // Panic(uint256)

    // Addresses are whole ones, so that gas is what it is in life.
    address internal immutable payer = vm.addr(PAYER_KEY);
    address internal immutable mallory = vm.addr(MALLORY_KEY);
    address internal constant returnTo = address(uint160(uint256(keccak256("returnTo"))));
    address internal constant feePayee = address(uint160(uint256(keccak256("feePayee"))));
    address internal constant relayer = address(uint160(uint256(keccak256("relayer"))));
    address internal constant resolver = address(uint160(uint256(keccak256("resolver"))));
    address internal constant guardian = address(uint160(uint256(keccak256("guardian"))));
    address internal constant treasury = address(uint160(uint256(keccak256("treasury"))));
    address internal constant anybody = address(uint160(uint256(keccak256("anybody"))));

    Token internal token;
    ContactEscrow internal escrow;

    function setUp() public virtual {
        token = new Token(treasury, SUPPLY);
        escrow = new ContactEscrow(token);
        vm.prank(treasury);
        token.transfer(payer, 1_000 ether);
    }

    // ---------------------------------------------------------------- terms

    function _terms() internal view returns (ContactEscrow.Terms memory) {
        return ContactEscrow.Terms({
            payer: payer,
            returnTo: returnTo,
            amount: 5 ether,
            fee: 1 ether,
            feePayee: feePayee,
            relayFee: 0.25 ether,
            relayReceiver: relayer,
            resolver: resolver,
            guardian: guardian,
            answerBy: uint64(_now() + 7 days),
            quoteExpiry: uint64(_now() + 1 hours),
            commitment: keccak256("bob knocks at alice")
        });
    }

    /// @dev Terms as a transaction would carry them: a copy that can be changed on its own.
    function _copy(ContactEscrow.Terms memory terms) internal pure returns (ContactEscrow.Terms memory) {
        return abi.decode(abi.encode(terms), (ContactEscrow.Terms));
    }

    function _signOpening(ContactEscrow.Terms memory terms, uint256 key) internal view returns (Signature memory) {
        uint256 due;
        unchecked {
            due = terms.amount + terms.fee + terms.relayFee; // some terms overflow: that is for the escrow to refuse
        }
        return _signReceive(
            token, key, Authorization(terms.payer, address(escrow), due, 0, terms.quoteExpiry, escrow.stakeId(terms))
        );
    }

    // ---------------------------------------------------------------- what happens to a stake

    /// @dev Open by allowance, whatever is due.
    function _opened(ContactEscrow.Terms memory terms) internal returns (bytes32) {
        vm.prank(terms.payer);
        token.approve(address(escrow), terms.amount + terms.fee);
        vm.prank(terms.payer);
        escrow.open(terms);
        return escrow.stakeId(terms);
    }

    function _openedByAuthorization(ContactEscrow.Terms memory terms) internal returns (bytes32) {
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        vm.prank(relayer);
        escrow.openWithAuthorization(terms, sig.v, sig.r, sig.s);
        return escrow.stakeId(terms);
    }

    function _announced(ContactEscrow.Terms memory terms) internal returns (bytes32 id) {
        id = _opened(terms);
        vm.prank(terms.resolver);
        escrow.announceForfeit(terms);
    }

    function _returned(ContactEscrow.Terms memory terms) internal returns (bytes32 id) {
        id = _opened(terms);
        vm.prank(terms.resolver);
        escrow.returnStake(terms, true);
    }

    function _expired(ContactEscrow.Terms memory terms) internal returns (bytes32 id) {
        id = _opened(terms);
        vm.warp(terms.answerBy);
        escrow.expire(terms);
    }

    function _forfeited(ContactEscrow.Terms memory terms) internal returns (bytes32 id) {
        id = _announced(terms);
        vm.warp(_now() + 48 hours);
        escrow.executeForfeit(terms);
    }

    // ---------------------------------------------------------------- what is expected

    function _expectWrongState(ContactEscrow.Terms memory terms, ContactEscrow.State state) internal {
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.WrongState.selector, escrow.stakeId(terms), state));
    }

    function _assertState(bytes32 id, ContactEscrow.State wanted, string memory because) internal view {
        (ContactEscrow.State state,) = escrow.stakes(id);
        vm.assertEq(uint256(state), uint256(wanted), because);
    }

    function _assertBalance(address who, uint256 wanted, string memory because) internal view {
        vm.assertEq(token.balanceOf(who), wanted, because);
    }

    /// @dev The log is a transfer by the token.
    function _assertTransfer(Vm.Log memory log, address from, address to, uint256 value) internal view {
        vm.assertEq(log.emitter, address(token), "the token says so");
        vm.assertEq(log.topics[0], TRANSFER, "it is a transfer");
        vm.assertEq(address(uint160(uint256(log.topics[1]))), from, "from");
        vm.assertEq(address(uint160(uint256(log.topics[2]))), to, "to");
        vm.assertEq(abi.decode(log.data, (uint256)), value, "value");
    }

    /// @dev The log is this event of the escrow's, about this stake.
    function _assertEvent(Vm.Log memory log, bytes32 kind, bytes32 id, bytes memory data) internal view {
        vm.assertEq(log.emitter, address(escrow), "the escrow says so");
        vm.assertEq(log.topics[0], kind, "which event");
        vm.assertEq(log.topics[1], id, "which stake");
        vm.assertEq(log.data, data, "what it says");
    }

    function _assertOpened(Vm.Log memory log, ContactEscrow.Terms memory terms) internal view {
        _assertEvent(log, ContactEscrow.Opened.selector, escrow.stakeId(terms), abi.encode(terms));
        vm.assertEq(address(uint160(uint256(log.topics[2]))), terms.payer, "payer");
        vm.assertEq(address(uint160(uint256(log.topics[3]))), terms.resolver, "resolver");
    }
}
