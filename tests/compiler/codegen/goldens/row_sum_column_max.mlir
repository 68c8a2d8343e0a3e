// row_sum_column_max
module {
  // One block of memory stays between calls, so that its pages are touched once. A second call at
  // the same time finds none and takes its own. The first 64 bytes hold the block's size.
  llvm.func @aligned_alloc(i64, i64) -> !llvm.ptr
  llvm.func @free(!llvm.ptr)
  llvm.mlir.global internal @spare() {addr_space = 0 : i32} : i64 {
    %zero = llvm.mlir.constant(0 : i64) : i64
    llvm.return %zero : i64
  }
  func.func private @take_block(%bytes: i64) -> !llvm.ptr {
    %zero = arith.constant 0 : i64
    %header = arith.constant 64 : i64
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %old = llvm.atomicrmw xchg %spare, %zero acq_rel : !llvm.ptr, i64
    %block = llvm.inttoptr %old : i64 to !llvm.ptr
    %some = arith.cmpi ne, %old, %zero : i64
    %fits = scf.if %some -> (i1) {
      %size = llvm.load %block : !llvm.ptr -> i64
      %enough = arith.cmpi sge, %size, %bytes : i64
      scf.yield %enough : i1
    } else {
      %no = arith.constant false
      scf.yield %no : i1
    }
    %taken = scf.if %fits -> (!llvm.ptr) {
      scf.yield %block : !llvm.ptr
    } else {
      llvm.call @free(%block) : (!llvm.ptr) -> ()
      %all = arith.addi %bytes, %header : i64
      %new = llvm.call @aligned_alloc(%header, %all) : (i64, i64) -> !llvm.ptr
      %address = llvm.ptrtoint %new : !llvm.ptr to i64
      %made = arith.cmpi ne, %address, %zero : i64
      scf.if %made {
        llvm.store %bytes, %new : i64, !llvm.ptr
      }
      scf.yield %new : !llvm.ptr
    }
    return %taken : !llvm.ptr
  }
  func.func private @give_block(%block: !llvm.ptr) {
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %address = llvm.ptrtoint %block : !llvm.ptr to i64
    %old = llvm.atomicrmw xchg %spare, %address acq_rel : !llvm.ptr, i64
    %other = llvm.inttoptr %old : i64 to !llvm.ptr
    llvm.call @free(%other) : (!llvm.ptr) -> ()
    return
  }

  func.func private @pass_one(
      %x: memref<4500xf32> {llvm.noalias},
      %row_sum: memref<50xf32> {llvm.noalias},
      %partial: memref<180xf32> {llvm.noalias},
      %core: i64) {
    %acc_0 = memref.alloca() {alignment = 64 : i64} : memref<90xf32>
    %cst = arith.constant 0xFF800000 : f32
    %cst_2 = arith.constant dense<0xFF800000> : vector<16xf32>
    %c = arith.constant 0 : i64
    %at = arith.index_cast %c : i64 to index
    vector.store %cst_2, %acc_0[%at] : memref<90xf32>, vector<16xf32>
    %c_2 = arith.constant 16 : i64
    %at_2 = arith.index_cast %c_2 : i64 to index
    vector.store %cst_2, %acc_0[%at_2] : memref<90xf32>, vector<16xf32>
    %c_3 = arith.constant 32 : i64
    %at_3 = arith.index_cast %c_3 : i64 to index
    vector.store %cst_2, %acc_0[%at_3] : memref<90xf32>, vector<16xf32>
    %c_4 = arith.constant 48 : i64
    %at_4 = arith.index_cast %c_4 : i64 to index
    vector.store %cst_2, %acc_0[%at_4] : memref<90xf32>, vector<16xf32>
    %c_5 = arith.constant 64 : i64
    %at_5 = arith.index_cast %c_5 : i64 to index
    vector.store %cst_2, %acc_0[%at_5] : memref<90xf32>, vector<16xf32>
    %c_6 = arith.constant 10 : i64
    %c_7 = arith.constant 80 : i64
    %at_6 = arith.index_cast %c_7 : i64 to index
    %at_7 = arith.index_cast %c_6 : i64 to index
    %mask = vector.create_mask %at_7 : vector<16xi1>
    vector.maskedstore %acc_0[%at_6], %mask, %cst_2 : memref<90xf32>, vector<16xi1>, vector<16xf32>
    %c_8 = arith.constant 25 : i64
    %cst_3 = arith.constant dense<0.0> : vector<16xf32>
    %c_9 = arith.constant 2250 : i64
    %v25 = arith.muli %core, %c_9 : i64
    %c_10 = arith.constant 90 : i64
    %v27 = arith.trunci %c_6 : i64 to i32
    %v28 = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : vector<16xi32>
    %v29 = vector.broadcast %v27 : i32 to vector<16xi32>
    %v30 = arith.cmpi slt, %v28, %v29 : vector<16xi32>
    %v31 = arith.muli %core, %c_8 : i64
    %c1 = arith.constant 1 : i64
    scf.for %i = %c to %c_8 step %c1 : i64 {
      %v34 = arith.muli %i, %c_10 : i64
      %v35 = arith.addi %v25, %v34 : i64
      %at_8 = arith.index_cast %v35 : i64 to index
      %v37 = vector.load %x[%at_8] : memref<4500xf32>, vector<16xf32>
      %v38 = arith.addf %cst_3, %v37 fastmath<contract> : vector<16xf32>
      %at_9 = arith.index_cast %c : i64 to index
      %v40 = vector.load %acc_0[%at_9] : memref<90xf32>, vector<16xf32>
      %v41 = arith.cmpf ogt, %v40, %v37 : vector<16xf32>
      %v42 = arith.select %v41, %v40, %v37 : vector<16xi1>, vector<16xf32>
      %v43 = arith.cmpf une, %v40, %v40 : vector<16xf32>
      %v44 = arith.select %v43, %v40, %v42 : vector<16xi1>, vector<16xf32>
      %at_10 = arith.index_cast %c : i64 to index
      vector.store %v44, %acc_0[%at_10] : memref<90xf32>, vector<16xf32>
      %v46 = arith.addi %v35, %c_2 : i64
      %at_11 = arith.index_cast %v46 : i64 to index
      %v48 = vector.load %x[%at_11] : memref<4500xf32>, vector<16xf32>
      %v49 = arith.addf %cst_3, %v48 fastmath<contract> : vector<16xf32>
      %at_12 = arith.index_cast %c_2 : i64 to index
      %v51 = vector.load %acc_0[%at_12] : memref<90xf32>, vector<16xf32>
      %v52 = arith.cmpf ogt, %v51, %v48 : vector<16xf32>
      %v53 = arith.select %v52, %v51, %v48 : vector<16xi1>, vector<16xf32>
      %v54 = arith.cmpf une, %v51, %v51 : vector<16xf32>
      %v55 = arith.select %v54, %v51, %v53 : vector<16xi1>, vector<16xf32>
      %at_13 = arith.index_cast %c_2 : i64 to index
      vector.store %v55, %acc_0[%at_13] : memref<90xf32>, vector<16xf32>
      %v57 = arith.addi %v35, %c_3 : i64
      %at_14 = arith.index_cast %v57 : i64 to index
      %v59 = vector.load %x[%at_14] : memref<4500xf32>, vector<16xf32>
      %v60 = arith.addf %cst_3, %v59 fastmath<contract> : vector<16xf32>
      %at_15 = arith.index_cast %c_3 : i64 to index
      %v62 = vector.load %acc_0[%at_15] : memref<90xf32>, vector<16xf32>
      %v63 = arith.cmpf ogt, %v62, %v59 : vector<16xf32>
      %v64 = arith.select %v63, %v62, %v59 : vector<16xi1>, vector<16xf32>
      %v65 = arith.cmpf une, %v62, %v62 : vector<16xf32>
      %v66 = arith.select %v65, %v62, %v64 : vector<16xi1>, vector<16xf32>
      %at_16 = arith.index_cast %c_3 : i64 to index
      vector.store %v66, %acc_0[%at_16] : memref<90xf32>, vector<16xf32>
      %v68 = arith.addi %v35, %c_4 : i64
      %at_17 = arith.index_cast %v68 : i64 to index
      %v70 = vector.load %x[%at_17] : memref<4500xf32>, vector<16xf32>
      %v71 = arith.addf %cst_3, %v70 fastmath<contract> : vector<16xf32>
      %at_18 = arith.index_cast %c_4 : i64 to index
      %v73 = vector.load %acc_0[%at_18] : memref<90xf32>, vector<16xf32>
      %v74 = arith.cmpf ogt, %v73, %v70 : vector<16xf32>
      %v75 = arith.select %v74, %v73, %v70 : vector<16xi1>, vector<16xf32>
      %v76 = arith.cmpf une, %v73, %v73 : vector<16xf32>
      %v77 = arith.select %v76, %v73, %v75 : vector<16xi1>, vector<16xf32>
      %at_19 = arith.index_cast %c_4 : i64 to index
      vector.store %v77, %acc_0[%at_19] : memref<90xf32>, vector<16xf32>
      %v79 = arith.addi %v35, %c_5 : i64
      %at_20 = arith.index_cast %v79 : i64 to index
      %v81 = vector.load %x[%at_20] : memref<4500xf32>, vector<16xf32>
      %v82 = arith.addf %v38, %v81 fastmath<contract> : vector<16xf32>
      %at_21 = arith.index_cast %c_5 : i64 to index
      %v84 = vector.load %acc_0[%at_21] : memref<90xf32>, vector<16xf32>
      %v85 = arith.cmpf ogt, %v84, %v81 : vector<16xf32>
      %v86 = arith.select %v85, %v84, %v81 : vector<16xi1>, vector<16xf32>
      %v87 = arith.cmpf une, %v84, %v84 : vector<16xf32>
      %v88 = arith.select %v87, %v84, %v86 : vector<16xi1>, vector<16xf32>
      %at_22 = arith.index_cast %c_5 : i64 to index
      vector.store %v88, %acc_0[%at_22] : memref<90xf32>, vector<16xf32>
      %v90 = arith.addi %v35, %c_7 : i64
      %at_23 = arith.index_cast %v90 : i64 to index
      %at_24 = arith.index_cast %c_6 : i64 to index
      %mask_2 = vector.create_mask %at_24 : vector<16xi1>
      %zero = arith.constant dense<0.0> : vector<16xf32>
      %v95 = vector.maskedload %x[%at_23], %mask_2, %zero : memref<4500xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v96 = arith.select %v30, %v95, %cst_3 : vector<16xi1>, vector<16xf32>
      %v97 = arith.addf %v82, %v96 fastmath<contract> : vector<16xf32>
      %at_25 = arith.index_cast %c_7 : i64 to index
      %at_26 = arith.index_cast %c_6 : i64 to index
      %mask_3 = vector.create_mask %at_26 : vector<16xi1>
      %zero_2 = arith.constant dense<0.0> : vector<16xf32>
      %v102 = vector.maskedload %acc_0[%at_25], %mask_3, %zero_2 : memref<90xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v103 = arith.cmpf ogt, %v102, %v95 : vector<16xf32>
      %v104 = arith.select %v103, %v102, %v95 : vector<16xi1>, vector<16xf32>
      %v105 = arith.cmpf une, %v102, %v102 : vector<16xf32>
      %v106 = arith.select %v105, %v102, %v104 : vector<16xi1>, vector<16xf32>
      %at_27 = arith.index_cast %c_7 : i64 to index
      %at_28 = arith.index_cast %c_6 : i64 to index
      %mask_4 = vector.create_mask %at_28 : vector<16xi1>
      vector.maskedstore %acc_0[%at_27], %mask_4, %v106 : memref<90xf32>, vector<16xi1>, vector<16xf32>
      %v110 = arith.addf %v97, %v49 fastmath<contract> : vector<16xf32>
      %v111 = arith.addf %v60, %v71 fastmath<contract> : vector<16xf32>
      %v112 = arith.addf %v110, %v111 fastmath<contract> : vector<16xf32>
      %v113 = vector.extract_strided_slice %v112 {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v114 = vector.extract_strided_slice %v112 {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v115 = arith.addf %v113, %v114 fastmath<contract> : vector<8xf32>
      %v116 = vector.extract_strided_slice %v115 {offsets = [0], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v117 = vector.extract_strided_slice %v115 {offsets = [4], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v118 = arith.addf %v116, %v117 fastmath<contract> : vector<4xf32>
      %v119 = vector.extract %v118[0] : f32 from vector<4xf32>
      %v120 = vector.extract %v118[1] : f32 from vector<4xf32>
      %v121 = vector.extract %v118[2] : f32 from vector<4xf32>
      %v122 = vector.extract %v118[3] : f32 from vector<4xf32>
      %v123 = arith.addf %v119, %v121 fastmath<contract> : f32
      %v124 = arith.addf %v120, %v122 fastmath<contract> : f32
      %v125 = arith.addf %v123, %v124 fastmath<contract> : f32
      %v126 = arith.addi %v31, %i : i64
      %at_29 = arith.index_cast %v126 : i64 to index
      memref.store %v125, %row_sum[%at_29] : memref<50xf32>
    }
    %at_30 = arith.index_cast %c : i64 to index
    %v129 = vector.load %acc_0[%at_30] : memref<90xf32>, vector<16xf32>
    %v130 = arith.muli %core, %c_10 : i64
    %at_31 = arith.index_cast %v130 : i64 to index
    vector.store %v129, %partial[%at_31] : memref<180xf32>, vector<16xf32>
    %at_32 = arith.index_cast %c_2 : i64 to index
    %v133 = vector.load %acc_0[%at_32] : memref<90xf32>, vector<16xf32>
    %v134 = arith.addi %v130, %c_2 : i64
    %at_33 = arith.index_cast %v134 : i64 to index
    vector.store %v133, %partial[%at_33] : memref<180xf32>, vector<16xf32>
    %at_34 = arith.index_cast %c_3 : i64 to index
    %v137 = vector.load %acc_0[%at_34] : memref<90xf32>, vector<16xf32>
    %v138 = arith.addi %v130, %c_3 : i64
    %at_35 = arith.index_cast %v138 : i64 to index
    vector.store %v137, %partial[%at_35] : memref<180xf32>, vector<16xf32>
    %at_36 = arith.index_cast %c_4 : i64 to index
    %v141 = vector.load %acc_0[%at_36] : memref<90xf32>, vector<16xf32>
    %v142 = arith.addi %v130, %c_4 : i64
    %at_37 = arith.index_cast %v142 : i64 to index
    vector.store %v141, %partial[%at_37] : memref<180xf32>, vector<16xf32>
    %at_38 = arith.index_cast %c_5 : i64 to index
    %v145 = vector.load %acc_0[%at_38] : memref<90xf32>, vector<16xf32>
    %v146 = arith.addi %v130, %c_5 : i64
    %at_39 = arith.index_cast %v146 : i64 to index
    vector.store %v145, %partial[%at_39] : memref<180xf32>, vector<16xf32>
    %at_40 = arith.index_cast %c_7 : i64 to index
    %at_41 = arith.index_cast %c_6 : i64 to index
    %mask_5 = vector.create_mask %at_41 : vector<16xi1>
    %zero_3 = arith.constant dense<0.0> : vector<16xf32>
    %v152 = vector.maskedload %acc_0[%at_40], %mask_5, %zero_3 : memref<90xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
    %v153 = arith.addi %v130, %c_7 : i64
    %at_42 = arith.index_cast %v153 : i64 to index
    %at_43 = arith.index_cast %c_6 : i64 to index
    %mask_6 = vector.create_mask %at_43 : vector<16xi1>
    vector.maskedstore %partial[%at_42], %mask_6, %v152 : memref<180xf32>, vector<16xi1>, vector<16xf32>
    return
  }

  func.func private @pass_two(
      %partial: memref<180xf32> {llvm.noalias},
      %column_max: memref<90xf32> {llvm.noalias},
      %core: i64) {
    %max_0 = memref.alloca() {alignment = 64 : i64} : memref<32xf32>
    %c = arith.constant 0 : i64
    %c_2 = arith.constant 32 : i64
    %cst = arith.constant dense<0xFF800000> : vector<16xf32>
    %c16 = arith.constant 16 : i64
    scf.for %i = %c to %c_2 step %c16 : i64 {
      %v9 = arith.addi %c, %i : i64
      %at = arith.index_cast %v9 : i64 to index
      vector.store %cst, %max_0[%at] : memref<32xf32>, vector<16xf32>
    }
    %c_3 = arith.constant 2 : i64
    %c_4 = arith.constant -32 : i64
    %v13 = arith.muli %core, %c_4 : i64
    %c_5 = arith.constant 90 : i64
    %v15 = arith.addi %v13, %c_5 : i64
    %v16 = arith.cmpi slt, %c_2, %v15 : i64
    %v17 = arith.select %v16, %c_2, %v15 : i64
    %v18 = arith.divsi %v17, %c_2 : i64
    %v19 = arith.muli %v18, %c_2 : i64
    %v20 = arith.muli %core, %c_2 : i64
    %c_6 = arith.constant 16 : i64
    %c_7 = arith.constant -1 : i64
    %c1 = arith.constant 1 : i64
    scf.for %i_2 = %c to %c_3 step %c1 : i64 {
      %v25 = arith.muli %i_2, %c_5 : i64
      %v26 = arith.addi %v20, %v25 : i64
      %c32 = arith.constant 32 : i64
      scf.for %i_3 = %c to %v19 step %c32 : i64 {
        %v29 = arith.addi %v26, %i_3 : i64
        %at_2 = arith.index_cast %v29 : i64 to index
        %v31 = vector.load %partial[%at_2] : memref<180xf32>, vector<16xf32>
        %at_3 = arith.index_cast %i_3 : i64 to index
        %v33 = vector.load %max_0[%at_3] : memref<32xf32>, vector<16xf32>
        %v34 = arith.cmpf ogt, %v33, %v31 : vector<16xf32>
        %v35 = arith.select %v34, %v33, %v31 : vector<16xi1>, vector<16xf32>
        %v36 = arith.cmpf une, %v33, %v33 : vector<16xf32>
        %v37 = arith.select %v36, %v33, %v35 : vector<16xi1>, vector<16xf32>
        %at_4 = arith.index_cast %i_3 : i64 to index
        vector.store %v37, %max_0[%at_4] : memref<32xf32>, vector<16xf32>
        %v39 = arith.addi %v29, %c_6 : i64
        %at_5 = arith.index_cast %v39 : i64 to index
        %v41 = vector.load %partial[%at_5] : memref<180xf32>, vector<16xf32>
        %v42 = arith.addi %i_3, %c_6 : i64
        %at_6 = arith.index_cast %v42 : i64 to index
        %v44 = vector.load %max_0[%at_6] : memref<32xf32>, vector<16xf32>
        %v45 = arith.cmpf ogt, %v44, %v41 : vector<16xf32>
        %v46 = arith.select %v45, %v44, %v41 : vector<16xi1>, vector<16xf32>
        %v47 = arith.cmpf une, %v44, %v44 : vector<16xf32>
        %v48 = arith.select %v47, %v44, %v46 : vector<16xi1>, vector<16xf32>
        %at_7 = arith.index_cast %v42 : i64 to index
        vector.store %v48, %max_0[%at_7] : memref<32xf32>, vector<16xf32>
      }
      %c16_2 = arith.constant 16 : i64
      scf.for %i_4 = %v19 to %v17 step %c16_2 : i64 {
        %v52 = arith.muli %i_4, %c_7 : i64
        %v53 = arith.addi %v17, %v52 : i64
        %v54 = arith.cmpi slt, %v53, %c_6 : i64
        %v55 = arith.select %v54, %v53, %c_6 : i64
        %v56 = arith.addi %v26, %i_4 : i64
        %at_8 = arith.index_cast %v56 : i64 to index
        %at_9 = arith.index_cast %v55 : i64 to index
        %mask = vector.create_mask %at_9 : vector<16xi1>
        %zero = arith.constant dense<0.0> : vector<16xf32>
        %v61 = vector.maskedload %partial[%at_8], %mask, %zero : memref<180xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
        %at_10 = arith.index_cast %i_4 : i64 to index
        %at_11 = arith.index_cast %v55 : i64 to index
        %mask_2 = vector.create_mask %at_11 : vector<16xi1>
        %zero_2 = arith.constant dense<0.0> : vector<16xf32>
        %v66 = vector.maskedload %max_0[%at_10], %mask_2, %zero_2 : memref<32xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
        %v67 = arith.cmpf ogt, %v66, %v61 : vector<16xf32>
        %v68 = arith.select %v67, %v66, %v61 : vector<16xi1>, vector<16xf32>
        %v69 = arith.cmpf une, %v66, %v66 : vector<16xf32>
        %v70 = arith.select %v69, %v66, %v68 : vector<16xi1>, vector<16xf32>
        %at_12 = arith.index_cast %i_4 : i64 to index
        %at_13 = arith.index_cast %v55 : i64 to index
        %mask_3 = vector.create_mask %at_13 : vector<16xi1>
        vector.maskedstore %max_0[%at_12], %mask_3, %v70 : memref<32xf32>, vector<16xi1>, vector<16xf32>
      }
    }
    %c32_2 = arith.constant 32 : i64
    scf.for %i_5 = %c to %v19 step %c32_2 : i64 {
      %at_14 = arith.index_cast %i_5 : i64 to index
      %v77 = vector.load %max_0[%at_14] : memref<32xf32>, vector<16xf32>
      %v78 = arith.addi %v20, %i_5 : i64
      %at_15 = arith.index_cast %v78 : i64 to index
      vector.store %v77, %column_max[%at_15] : memref<90xf32>, vector<16xf32>
      %v80 = arith.addi %i_5, %c_6 : i64
      %at_16 = arith.index_cast %v80 : i64 to index
      %v82 = vector.load %max_0[%at_16] : memref<32xf32>, vector<16xf32>
      %v83 = arith.addi %v78, %c_6 : i64
      %at_17 = arith.index_cast %v83 : i64 to index
      vector.store %v82, %column_max[%at_17] : memref<90xf32>, vector<16xf32>
    }
    %c16_3 = arith.constant 16 : i64
    scf.for %i_6 = %v19 to %v17 step %c16_3 : i64 {
      %v87 = arith.muli %i_6, %c_7 : i64
      %v88 = arith.addi %v17, %v87 : i64
      %v89 = arith.cmpi slt, %v88, %c_6 : i64
      %v90 = arith.select %v89, %v88, %c_6 : i64
      %at_18 = arith.index_cast %i_6 : i64 to index
      %at_19 = arith.index_cast %v90 : i64 to index
      %mask_4 = vector.create_mask %at_19 : vector<16xi1>
      %zero_3 = arith.constant dense<0.0> : vector<16xf32>
      %v95 = vector.maskedload %max_0[%at_18], %mask_4, %zero_3 : memref<32xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v96 = arith.addi %v20, %i_6 : i64
      %at_20 = arith.index_cast %v96 : i64 to index
      %at_21 = arith.index_cast %v90 : i64 to index
      %mask_5 = vector.create_mask %at_21 : vector<16xi1>
      vector.maskedstore %column_max[%at_20], %mask_5, %v95 : memref<90xf32>, vector<16xi1>, vector<16xf32>
    }
    return
  }

  func.func @launch_row_sum_column_max(%buffers: !llvm.ptr) -> i32 {
    %c1 = arith.constant 1 : i64
    %data2 = llvm.alloca %c1 x !llvm.array<4 x ptr> : (i64) -> !llvm.ptr
    %fixed3 = arith.constant 768 : i64
    %block4 = func.call @take_block(%fixed3) : (i64) -> !llvm.ptr
    %block_address = llvm.ptrtoint %block4 : !llvm.ptr to i64
    %nowhere = arith.constant 0 : i64
    %allocated = arith.cmpi ne, %block_address, %nowhere : i64
    %status = scf.if %allocated -> (i32) {
      %at5 = llvm.getelementptr %buffers[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p6 = llvm.load %at5 : !llvm.ptr -> !llvm.ptr
      %at7 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p6, %at7 : !llvm.ptr, !llvm.ptr
      %at8 = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p9 = llvm.load %at8 : !llvm.ptr -> !llvm.ptr
      %at10 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p9, %at10 : !llvm.ptr, !llvm.ptr
      %at11 = llvm.getelementptr %buffers[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p12 = llvm.load %at11 : !llvm.ptr -> !llvm.ptr
      %at13 = llvm.getelementptr %data2[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p12, %at13 : !llvm.ptr, !llvm.ptr
      %p14 = llvm.getelementptr %block4[64] : (!llvm.ptr) -> !llvm.ptr, i8
      %at15 = llvm.getelementptr %data2[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p14, %at15 : !llvm.ptr, !llvm.ptr
      %thread16 = arith.constant 0 : i64
      %at17 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p18 = llvm.load %at17 : !llvm.ptr -> !llvm.ptr
      %d19 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d20 = llvm.insertvalue %p18, %d19[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d21 = llvm.insertvalue %p18, %d20[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m22 = builtin.unrealized_conversion_cast %d21 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<4500xf32>
      %at23 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p24 = llvm.load %at23 : !llvm.ptr -> !llvm.ptr
      %d25 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d26 = llvm.insertvalue %p24, %d25[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d27 = llvm.insertvalue %p24, %d26[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m28 = builtin.unrealized_conversion_cast %d27 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<50xf32>
      %at29 = llvm.getelementptr %data2[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p30 = llvm.load %at29 : !llvm.ptr -> !llvm.ptr
      %d31 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d32 = llvm.insertvalue %p30, %d31[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d33 = llvm.insertvalue %p30, %d32[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m34 = builtin.unrealized_conversion_cast %d33 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<180xf32>
      %c35 = arith.constant 1 : i64
      %cores36 = arith.constant 2 : i64
      scf.for %core36 = %thread16 to %cores36 step %c35 : i64 {
        func.call @pass_one(%m22, %m28, %m34, %core36) : (memref<4500xf32>, memref<50xf32>, memref<180xf32>, i64) -> ()
      }
      %thread37 = arith.constant 0 : i64
      %at38 = llvm.getelementptr %data2[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p39 = llvm.load %at38 : !llvm.ptr -> !llvm.ptr
      %d40 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d41 = llvm.insertvalue %p39, %d40[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d42 = llvm.insertvalue %p39, %d41[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m43 = builtin.unrealized_conversion_cast %d42 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<180xf32>
      %at44 = llvm.getelementptr %data2[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p45 = llvm.load %at44 : !llvm.ptr -> !llvm.ptr
      %d46 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d47 = llvm.insertvalue %p45, %d46[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d48 = llvm.insertvalue %p45, %d47[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m49 = builtin.unrealized_conversion_cast %d48 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<90xf32>
      %c50 = arith.constant 1 : i64
      %cores51 = arith.constant 3 : i64
      scf.for %core51 = %thread37 to %cores51 step %c50 : i64 {
        func.call @pass_two(%m43, %m49, %core51) : (memref<180xf32>, memref<90xf32>, i64) -> ()
      }
      func.call @give_block(%block4) : (!llvm.ptr) -> ()
      %ok = arith.constant 0 : i32
      scf.yield %ok : i32
    } else {
      %bad = arith.constant 1 : i32
      scf.yield %bad : i32
    }
    return %status : i32
  }
}
