// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TokenTest} from "../support/TokenTest.sol";

/// @dev What every ERC-20 should keep, whoever asks and with whatever numbers. Each property takes any input; each
/// starts from balances that the input chose.
contract PropertiesTest is TokenTest {
    address[3] private _people = [address(0x10001), address(0x10002), address(0x10003)];

    struct World {
        address a;
        address b;
        address c;
        uint256 balance; // what a has
        uint256 value; // what is to move
    }

    /// @dev Three people who may be the same, a balance, and a value that it covers.
    function _covered(uint256 seed, uint256 balance, uint256 value) private returns (World memory w) {
        w.a = _people[seed % 3];
        w.b = _people[(seed >> 8) % 3];
        w.c = _people[(seed >> 16) % 3];
        w.balance = _within(balance, 0, SUPPLY - 100 ether);
        w.value = _within(value, 0, w.balance);
        vm.prank(treasury);
        token.transfer(w.a, w.balance);
    }

    /// @dev As above, with two different people and a value that the balance does not cover.
    function _uncovered(uint256 seed, uint256 balance, uint256 value) private returns (World memory w) {
        w = _covered(seed, balance, 0);
        w.b = w.a == _people[0] ? _people[1] : _people[0];
        w.value = _within(value, w.balance + 1, type(uint256).max);
    }

    function _approve(address owner, address spender, uint256 value) private {
        vm.prank(owner);
        vm.assertTrue(token.approve(spender, value), "approve says yes");
    }

    function _move(address by, bytes memory call_) private returns (bool done) {
        vm.prank(by);
        bytes memory answer;
        (done, answer) = address(token).call(call_);
        if (done && answer.length > 0) vm.assertTrue(abi.decode(answer, (bool)), "done means true");
    }

    // ---------------------------------------------------------------- supply and balances

    /// 1. Moving tokens about makes none and loses none.
    function testFuzz_01_supply_is_constant(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        _move(w.a, abi.encodeCall(token.transfer, (w.b, w.value)));
        vm.assertEq(token.totalSupply(), SUPPLY, "the supply");
    }

    /// 2. Nobody has more than there is.
    function testFuzz_02_no_balance_above_supply(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        _move(w.a, abi.encodeCall(token.transfer, (w.b, w.value)));
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertLe(token.balanceOf(_people[i]), token.totalSupply(), "a balance");
        }
    }

    /// 3. All balances together are the supply.
    function testFuzz_03_balances_add_up_to_the_supply(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        _move(w.a, abi.encodeCall(token.transfer, (w.b, w.value)));
        uint256 sum = token.balanceOf(treasury) + token.balanceOf(alice);
        for (uint256 i = 0; i < 3; ++i) {
            sum += token.balanceOf(_people[i]);
        }
        vm.assertEq(sum, SUPPLY, "the sum");
    }

    /// 4. Nobody, the zero address, has nothing.
    function testFuzz_04_zero_has_nothing(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        _move(w.a, abi.encodeCall(token.burn, (w.value)));
        _assertBalance(address(0), 0, "nobody");
    }

    // ---------------------------------------------------------------- transfer

    /// 5. A transfer moves exactly its value.
    function testFuzz_05_transfer_moves_the_value(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        vm.assume(w.a != w.b);
        vm.assertTrue(_move(w.a, abi.encodeCall(token.transfer, (w.b, w.value))), "it works");
        _assertBalance(w.a, w.balance - w.value, "from");
        _assertBalance(w.b, w.value, "to");
    }

    /// 6. A transfer to oneself works and changes nothing.
    function testFuzz_06_transfer_to_oneself(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        vm.assertTrue(_move(w.a, abi.encodeCall(token.transfer, (w.a, w.value))), "it works");
        _assertBalance(w.a, w.balance, "unchanged");
    }

    /// 7. A transfer to nobody fails.
    function testFuzz_07_transfer_to_zero(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        vm.assertTrue(!_move(w.a, abi.encodeCall(token.transfer, (address(0), w.value))), "it fails");
        _assertBalance(w.a, w.balance, "unchanged");
    }

    /// 8. A transfer of more than one has fails.
    function testFuzz_08_transfer_of_too_much(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _uncovered(seed, balance, value);
        vm.assertTrue(!_move(w.a, abi.encodeCall(token.transfer, (w.b, w.value))), "it fails");
        _assertBalance(w.a, w.balance, "from unchanged");
        _assertBalance(w.b, 0, "to unchanged");
    }

    /// 9. A transfer of nothing works and changes nothing.
    function testFuzz_09_transfer_of_nothing(uint256 seed, uint256 balance) public {
        World memory w = _covered(seed, balance, 0);
        vm.assertTrue(_move(w.a, abi.encodeCall(token.transfer, (w.b, 0))), "it works");
        _assertBalance(w.a, w.balance, "unchanged");
    }

    // ---------------------------------------------------------------- transferFrom

    /// 10. A transfer on behalf moves exactly its value.
    function testFuzz_10_transfer_from_moves_the_value(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        vm.assume(w.a != w.b);
        _approve(w.a, w.c, w.value);
        vm.assertTrue(_move(w.c, abi.encodeCall(token.transferFrom, (w.a, w.b, w.value))), "it works");
        _assertBalance(w.a, w.balance - w.value, "from");
        _assertBalance(w.b, w.value, "to");
    }

    /// 11. A transfer on behalf back to its owner works and changes no balance.
    function testFuzz_11_transfer_from_to_oneself(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        _approve(w.a, w.c, w.value);
        vm.assertTrue(_move(w.c, abi.encodeCall(token.transferFrom, (w.a, w.a, w.value))), "it works");
        _assertBalance(w.a, w.balance, "unchanged");
    }

    /// 12. A transfer on behalf to nobody fails.
    function testFuzz_12_transfer_from_to_zero(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        _approve(w.a, w.c, w.value);
        vm.assertTrue(!_move(w.c, abi.encodeCall(token.transferFrom, (w.a, address(0), w.value))), "it fails");
        vm.assertEq(token.allowance(w.a, w.c), w.value, "the allowance is not used up");
    }

    /// 13. A transfer on behalf of more than the owner has fails, whatever was allowed.
    function testFuzz_13_transfer_from_of_too_much(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _uncovered(seed, balance, value);
        _approve(w.a, w.c, type(uint256).max);
        vm.assertTrue(!_move(w.c, abi.encodeCall(token.transferFrom, (w.a, w.b, w.value))), "it fails");
        _assertBalance(w.a, w.balance, "unchanged");
    }

    /// 14. A transfer on behalf of nothing works for anybody and changes nothing.
    function testFuzz_14_transfer_from_of_nothing(uint256 seed, uint256 balance) public {
        World memory w = _covered(seed, balance, 0);
        vm.assertTrue(_move(w.c, abi.encodeCall(token.transferFrom, (w.a, w.b, 0))), "it works");
        _assertBalance(w.a, w.balance, "unchanged");
    }

    /// 15. A transfer on behalf of more than was allowed fails, the owner's own included.
    function testFuzz_15_transfer_from_beyond_the_allowance(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        vm.assume(w.value > 0);
        _approve(w.a, w.c, w.value - 1);
        vm.assertTrue(!_move(w.c, abi.encodeCall(token.transferFrom, (w.a, w.b, w.value))), "it fails");
        _assertBalance(w.a, w.balance, "unchanged");
    }

    // ---------------------------------------------------------------- allowances

    /// 16. An approval sets the allowance to what it says.
    function testFuzz_16_approve_sets(uint256 seed, uint256 value) public {
        World memory w = _covered(seed, 0, 0);
        _approve(w.a, w.b, value);
        vm.assertEq(token.allowance(w.a, w.b), value, "as said");
    }

    /// 17. A second approval replaces the first.
    function testFuzz_17_approve_overwrites(uint256 seed, uint256 first, uint256 second) public {
        World memory w = _covered(seed, 0, 0);
        _approve(w.a, w.b, first);
        _approve(w.a, w.b, second);
        vm.assertEq(token.allowance(w.a, w.b), second, "as said last");
    }

    /// 18. What is spent is taken off the allowance, unless it is the unlimited one.
    function testFuzz_18_spending_lowers_the_allowance(uint256 seed, uint256 value, uint256 allowed) public {
        World memory w = _covered(seed, value, type(uint256).max);
        allowed = _within(allowed, w.value, type(uint256).max);
        _approve(w.a, w.c, allowed);
        vm.assertTrue(_move(w.c, abi.encodeCall(token.transferFrom, (w.a, w.b, w.value))), "it works");
        uint256 left = allowed == type(uint256).max ? allowed : allowed - w.value;
        vm.assertEq(token.allowance(w.a, w.c), left, "what is left");
    }

    // ---------------------------------------------------------------- burning

    /// 19. Burning takes exactly its value from the burner and from the supply, and no more than the burner has.
    function testFuzz_19_burn(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        vm.assertTrue(_move(w.a, abi.encodeCall(token.burn, (w.value))), "it works");
        _assertBalance(w.a, w.balance - w.value, "the burner");
        vm.assertEq(token.totalSupply(), SUPPLY - w.value, "the supply");
        vm.assertTrue(!_move(w.a, abi.encodeCall(token.burn, (w.balance - w.value + 1))), "no more than there is");
    }

    /// 20. Burning on behalf does the same and uses up the allowance, and no more than was allowed.
    function testFuzz_20_burn_from(uint256 seed, uint256 balance, uint256 value) public {
        World memory w = _covered(seed, balance, value);
        _approve(w.a, w.c, w.value);
        vm.assertTrue(_move(w.c, abi.encodeCall(token.burnFrom, (w.a, w.value))), "it works");
        _assertBalance(w.a, w.balance - w.value, "the owner");
        vm.assertEq(token.totalSupply(), SUPPLY - w.value, "the supply");
        vm.assertEq(token.allowance(w.a, w.c), 0, "used up");
        vm.assertTrue(!_move(w.c, abi.encodeCall(token.burnFrom, (w.a, 1))), "no more than was allowed");
    }
}
