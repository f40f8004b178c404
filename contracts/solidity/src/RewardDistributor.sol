// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Token} from "./Token.sol";

/// @title Pays those who run the network, epoch by epoch, by a root that everybody had time to dispute
/// @notice A root stands for a list of who is due how much in all since the beginning. It is proposed, waits, and
/// then counts; whoever is on the list is paid what they have not had yet, whoever carries the claim.
/// @dev Trust assumptions:
/// - No owner, pause, upgrade or rescue, and all roles are fixed for ever. What is sent here unasked is nobody's.
/// - The proposer says who is due how much, and nobody checks it here: that is done by whoever recomputes the
///   published epoch, while the root waits. Its worst is a wrong root that nobody stops.
/// - **A wrong root harms one epoch's budget.** Under the root that counts, its own epoch's budget is paid out and
///   not a unit more; what is due from before is paid under the root before, out of what is left of the epochs
///   before. The next root can pass over a wrong one (`replaces`), which then never counts as the root before.
/// - The guardian can do one thing: cancel a root that waits. Its worst is that no new root ever counts.
/// - The treasury gives an allowance and no more: nothing is minted, and what is paid is at most what it gave.
/// - Money due stays due for ever: no role can take it, and the root before counts until a newer one or half a year.
///   Each list holds all who are on the one before: that is for the disputers to see.
/// - Whoever is late and is paid under the newest root takes what was due from before out of the newest budget. Others
///   on the newest root then wait until the next one counts, or `joinEarlier`; nobody loses anything by it.
/// - Two wrong roots one after the other that nobody stops take whatever is still unclaimed.
/// - The token is Earnest's own: it takes no cut, calls nobody and cannot be paused.
/// - Blocks carry an honest time within seconds, which is nothing beside days.
contract RewardDistributor {
    using SafeERC20 for Token;

    /// @notice A root that does not count yet.
    struct Proposal {
        bytes32 root; // zero: there is none
        uint256 budget; // what the treasury pays in when it counts
        uint64 countsFrom; // from here on anybody can make it count
        bool replaces; // whether the root that counts now is passed over
    }

    /// @notice A root waits for `countsFrom`; until then it can be disputed.
    event RootProposed(uint64 indexed epoch, bytes32 indexed root, uint256 budget, uint64 countsFrom, bool replaces);
    /// @notice A root counts, and its epoch's budget is here.
    event RootAccepted(uint64 indexed epoch, bytes32 indexed root, uint256 budget);
    /// @notice A root that waited will never count, unless it is proposed again.
    event RootCancelled(uint64 indexed epoch, bytes32 indexed root);
    /// @notice Somebody is paid `amount`, and has had `cumulative` in all.
    event Claimed(address indexed payee, bytes32 indexed root, uint256 amount, uint256 cumulative);
    /// @notice What was left of earlier epochs is paid under the root that counts, and under no other any more.
    event EarlierJoined(uint64 indexed epoch, bytes32 indexed root, uint256 amount);

    error ZeroAddress();
    error ZeroBudget();
    error NotTheProposer(address caller);
    error NotGuardianOrProposer(address caller);
    error WrongEpoch(uint64 epoch);
    error BadRoot(bytes32 root);
    error BadBudget(uint256 budget);
    error RootWaiting(bytes32 root);
    error NoRootWaiting();
    error NotTheRootWaiting(bytes32 root);
    error StillDisputable(uint64 countsFrom);
    error RootDoesNotCount(bytes32 root);
    error NotOnTheList(address payee, uint256 cumulative);
    error NothingDue(address payee, uint256 cumulative);
    error NotEnoughLeft(uint256 amount, uint256 available);
    error TooSoonToJoin(uint256 from);

    /// @notice How long a root waits before it counts.
    uint256 public constant DISPUTE_WINDOW = 72 hours;
    /// @notice How long the root before counts beside the newest, if no newer one comes.
    uint256 public constant EARLIER_COUNTS = 180 days;

    /// @notice The one token that is paid.
    Token public immutable token;
    /// @notice Whose allowance pays for each epoch.
    address public immutable treasury;
    /// @notice Who proposes roots.
    address public immutable proposer;
    /// @notice Who can cancel a root that waits.
    address public immutable guardian;
    /// @notice The most that one epoch can cost.
    uint256 public immutable maxBudget;

    /// @notice The number of the newest epoch that counts; 0 before the first.
    uint64 public epoch;
    /// @notice Since when it counts.
    uint64 public countsSince;
    /// @notice The root that counts, and what is left of its own epoch's budget.
    bytes32 public root;
    uint256 public left;
    /// @notice The root before, and what is left of all the epochs before.
    bytes32 public earlierRoot;
    uint256 public earlierLeft;
    /// @notice The root that waits.
    Proposal public proposal;
    /// @notice How much somebody has had in all.
    mapping(address payee => uint256 amount) public claimed;

    /// @notice Bind it to one token, one treasury and two roles for ever.
    /// @param token_ Earnest's token on this chain
    /// @param treasury_ whose allowance pays
    /// @param proposer_ who proposes roots
    /// @param guardian_ who can cancel a root that waits
    /// @param maxBudget_ the most that one epoch can cost, in base units
    constructor(Token token_, address treasury_, address proposer_, address guardian_, uint256 maxBudget_) {
        require(
            address(token_) != address(0) && treasury_ != address(0) && proposer_ != address(0)
                && guardian_ != address(0),
            ZeroAddress()
        );
        require(maxBudget_ > 0, ZeroBudget());
        token = token_;
        treasury = treasury_;
        proposer = proposer_;
        guardian = guardian_;
        maxBudget = maxBudget_;
    }

    // ------------------------------------------------------------------ roots

    /// @notice Propose the root of the next epoch. Only the proposer, while none waits.
    /// @param epoch_ the number of the epoch, one more than the newest that counts
    /// @param root_ the root over leaf(payee, cumulative) of everybody
    /// @param budget what this epoch adds for all of them together, in base units
    /// @param replaces whether the root that counts now was wrong: then the root before stays the root before
    function propose(uint64 epoch_, bytes32 root_, uint256 budget, bool replaces) external {
        require(msg.sender == proposer, NotTheProposer(msg.sender));
        // slither-disable-next-line incorrect-equality
        require(proposal.root == bytes32(0), RootWaiting(proposal.root));
        require(epoch_ == epoch + 1, WrongEpoch(epoch_));
        require(root_ != bytes32(0) && root_ != root && root_ != earlierRoot, BadRoot(root_));
        require(budget > 0 && budget <= maxBudget, BadBudget(budget));
        // It fits for longer than there will be blocks.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint64 countsFrom = uint64(block.timestamp + DISPUTE_WINDOW);
        proposal = Proposal(root_, budget, countsFrom, replaces);
        emit RootProposed(epoch_, root_, budget, countsFrom, replaces);
    }

    /// @notice Cancel the root that waits. Only the guardian, or the proposer who made a mistake.
    /// @param root_ the root that is meant, so that no other is hit
    function cancel(bytes32 root_) external {
        require(msg.sender == guardian || msg.sender == proposer, NotGuardianOrProposer(msg.sender));
        _mustWait(root_);
        delete proposal;
        emit RootCancelled(epoch + 1, root_);
    }

    /// @notice Make the root that waits count, once its time has come. Anybody. The treasury pays its budget.
    /// @dev The transfer first, then RootAccepted, so that whoever reads it has seen its money.
    /// @param root_ the root that is meant
    function accept(bytes32 root_) external {
        _mustWait(root_);
        Proposal memory accepted = proposal;
        require(block.timestamp >= accepted.countsFrom, StillDisputable(accepted.countsFrom));
        delete proposal;
        if (!accepted.replaces) earlierRoot = root;
        earlierLeft += left;
        root = root_;
        left = accepted.budget;
        // forge-lint: disable-next-line(unsafe-typecast)
        countsSince = uint64(block.timestamp);
        uint64 number = ++epoch;
        // slither-disable-next-line arbitrary-send-erc20
        token.safeTransferFrom(treasury, address(this), accepted.budget);
        // slither-disable-next-line reentrancy-events
        emit RootAccepted(number, root_, accepted.budget);
    }

    /// @notice Let the root that counts pay what is left of earlier epochs too, when none has come after it for long.
    /// Anybody. The root before counts no more: whoever is on it is on the newest, or nobody said otherwise.
    function joinEarlier() external {
        require(epoch > 0, RootDoesNotCount(root));
        uint256 from = countsSince + EARLIER_COUNTS;
        require(block.timestamp >= from, TooSoonToJoin(from));
        uint256 amount = earlierLeft;
        earlierRoot = bytes32(0);
        earlierLeft = 0;
        left += amount;
        emit EarlierJoined(epoch, root, amount);
    }

    // ------------------------------------------------------------------ claiming
    //
    // The event first, then the transfer, so that whoever reads the transfer knows what for.

    /// @notice Pay somebody what they have not had yet. Anybody; the money goes to the payee alone.
    /// @dev Whoever has not claimed for several epochs claims under the root before first, and then under the newest.
    /// @param payee who is on the list
    /// @param cumulative how much they are due in all, as the list has it
    /// @param expectedRoot the root the proof is for: the one that counts, or the one before
    /// @param proof the hashes that lead from the leaf to the root
    function claim(address payee, uint256 cumulative, bytes32 expectedRoot, bytes32[] calldata proof) external {
        bool newest = expectedRoot == root;
        require(expectedRoot != bytes32(0) && (newest || expectedRoot == earlierRoot), RootDoesNotCount(expectedRoot));
        require(
            MerkleProof.verifyCalldata(proof, expectedRoot, leaf(payee, cumulative)), NotOnTheList(payee, cumulative)
        );
        uint256 had = claimed[payee];
        require(cumulative > had, NothingDue(payee, cumulative));
        uint256 amount = cumulative - had;
        uint256 available = newest ? left : earlierLeft;
        require(amount <= available, NotEnoughLeft(amount, available));
        claimed[payee] = cumulative;
        if (newest) left = available - amount;
        else earlierLeft = available - amount;
        emit Claimed(payee, expectedRoot, amount, cumulative);
        token.safeTransfer(payee, amount);
    }

    // ------------------------------------------------------------------ reading

    /// @notice The leaf of somebody on the list, as OpenZeppelin's standard tree has it: hashed twice, so that no
    /// inner node passes for one.
    /// @param payee who
    /// @param cumulative how much in all
    /// @return hash the leaf
    function leaf(address payee, uint256 cumulative) public pure returns (bytes32 hash) {
        return keccak256(bytes.concat(keccak256(abi.encode(payee, cumulative))));
    }

    // ------------------------------------------------------------------ within

    function _mustWait(bytes32 root_) private view {
        bytes32 waiting = proposal.root;
        require(waiting != bytes32(0), NoRootWaiting());
        // slither-disable-next-line incorrect-equality
        require(root_ == waiting, NotTheRootWaiting(root_));
    }
}
