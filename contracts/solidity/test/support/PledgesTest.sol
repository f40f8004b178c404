// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pledges} from "../../src/Pledges.sol";
import {Token} from "../../src/Token.sol";
import {Signing} from "./Signing.sol";
import {Vm} from "./Test.sol";

/// @dev A token, the contract that carries gifts, and the people around a gift.
abstract contract PledgesTest is Signing {
    uint256 internal constant GIVER_KEY = 0x91fe;
    uint256 internal constant MALLORY_KEY = 0xbad;
    uint256 internal constant SUPPLY = 1_000_000 ether;
    bytes32 internal constant TRANSFER = keccak256("Transfer(address,address,uint256)");
    bytes32 internal constant MEMO = keccak256("a code");

    address internal immutable giver = vm.addr(GIVER_KEY);
    address internal immutable mallory = vm.addr(MALLORY_KEY);
    address internal constant cause = address(uint160(uint256(keccak256("cause"))));
    address internal constant relayer = address(uint160(uint256(keccak256("relayer"))));
    address internal constant treasury = address(uint160(uint256(keccak256("treasury"))));
    address internal constant anybody = address(uint160(uint256(keccak256("anybody"))));

    Token internal token;
    Pledges internal pledges;

    function setUp() public virtual {
        token = new Token(treasury, SUPPLY);
        pledges = new Pledges(token);
        vm.prank(treasury);
        token.transfer(giver, 1_000 ether);
    }

    function _gift() internal view returns (Pledges.Gift memory) {
        return Pledges.Gift({
            giver: giver,
            cause: cause,
            amount: 5 ether,
            months: 3,
            memo: MEMO,
            relayFee: 0.25 ether,
            relayReceiver: relayer,
            validBefore: uint64(_now() + 1 hours),
            salt: keccak256("salt")
        });
    }

    function _sign(Pledges.Gift memory gift, uint256 key) internal view returns (Signature memory) {
        uint256 due;
        unchecked {
            due = gift.amount + gift.relayFee; // some overflow: that is for the contract to refuse
        }
        return _signReceive(
            token, key, Authorization(gift.giver, address(pledges), due, 0, gift.validBefore, pledges.giftId(gift))
        );
    }

    /// @dev Let the giver give by allowance.
    function _give(uint256 amount, uint16 months) internal {
        vm.prank(giver);
        token.approve(address(pledges), amount);
        vm.prank(giver);
        pledges.give(cause, token, amount, months, MEMO);
    }

    function _carry(Pledges.Gift memory gift, Signature memory sig) internal {
        vm.prank(anybody);
        pledges.giveWithAuthorization(gift, sig.v, sig.r, sig.s);
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

    /// @dev The log says that somebody gave so much of an asset to the cause.
    function _assertGiven(Vm.Log memory log, address who, address asset, uint256 amount, uint16 months) internal view {
        vm.assertEq(log.emitter, address(pledges), "it says so itself");
        vm.assertEq(log.topics[0], Pledges.Given.selector, "which event");
        vm.assertEq(address(uint160(uint256(log.topics[1]))), who, "giver");
        vm.assertEq(address(uint160(uint256(log.topics[2]))), cause, "cause");
        vm.assertEq(address(uint160(uint256(log.topics[3]))), asset, "asset");
        vm.assertEq(log.data, abi.encode(amount, months, MEMO), "how much, for how long, with which memo");
    }

    /// @dev All that was given, out of the logs recorded so far.
    function _lastLog() internal returns (Vm.Log memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        return logs[logs.length - 1];
    }
}
