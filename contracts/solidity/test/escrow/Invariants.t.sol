// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {Token} from "../../src/Token.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {StakeHandler} from "../support/StakeHandler.sol";

/// @dev The third promise of the design, against any sequence of calls: a stake resolves exactly once; its money goes
/// where its terms allow and nowhere else; nobody gains from a forfeit; without the service it still comes back.
contract EscrowInvariants is EscrowTest {
    StakeHandler private handler;
    uint256 private constant GREAT_SUPPLY = 1e30;

    function setUp() public override {
        super.setUp();
        token = new Token(treasury, GREAT_SUPPLY);
        escrow = new ContactEscrow(token);
        handler = new StakeHandler(token, escrow, treasury);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev One campaign checks all of it after every call: a campaign each would tell no more.
    function invariant_promise() external view {
        // Σ open stakes + strays = balanceOf(escrow)
        _assertBalance(address(escrow), handler.held() + handler.strays(), "the escrow holds what is open, and strays");
        // forfeits, and nothing else, reduce the supply, by exactly the amount
        vm.assertEq(token.totalSupply(), GREAT_SUPPLY - handler.burned(), "what is forfeited is gone");
        // nobody has a unit more or less than the terms give them
        for (uint256 i = 0; i < 8; ++i) {
            address who = handler.people(i);
            _assertBalance(who, handler.expected(who), "everybody has what the terms give them");
        }
        if (handler.stakes() > 0) _assertBooked(handler.lastTouched());
    }

    /// @dev At the end of every run the service vanishes: no resolver, no guardian. All must end, once, by anybody.
    function afterInvariant() external {
        uint256 count = handler.stakes();
        uint256 inEscrow = token.balanceOf(address(escrow));
        vm.warp(handler.time() + 60 days); // beyond every answerBy and every delay
        for (uint256 i = 0; i < count; ++i) {
            _assertBooked(i);
            StakeHandler.Book memory b = handler.book(i);
            vm.prank(anybody);
            if (b.state == ContactEscrow.State.Open) {
                uint256 before = token.balanceOf(b.terms.returnTo);
                escrow.expire(b.terms);
                _assertBalance(b.terms.returnTo, before + b.terms.amount + b.terms.fee, "the stranger has it back");
                inEscrow -= b.terms.amount + b.terms.fee;
            } else if (b.state == ContactEscrow.State.ForfeitAnnounced) {
                escrow.executeForfeit(b.terms);
                inEscrow -= b.terms.amount + b.terms.fee;
            } else {
                (bool done,) = address(escrow).call(abi.encodeCall(escrow.expire, (b.terms)));
                vm.assertTrue(!done, "over is over");
            }
            _assertBalance(address(escrow), inEscrow, "each took its own, once");
        }
        _assertBalance(address(escrow), handler.strays(), "strays alone are left");
    }

    function _assertBooked(uint256 i) private view {
        StakeHandler.Book memory b = handler.book(i);
        (ContactEscrow.State state, uint64 executableAt) = escrow.stakes(escrow.stakeId(b.terms));
        vm.assertEq(uint256(state), uint256(b.state), "the state is as booked");
        vm.assertEq(executableAt, b.executableAt, "executableAt is as booked");
        bool over = state > ContactEscrow.State.ForfeitAnnounced;
        vm.assertEq(b.outcomes, over ? 1 : 0, "exactly one outcome, or none yet");
    }
}
